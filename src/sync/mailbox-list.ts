import type { RemoteMailbox } from '../mailbox/keeper.port.js';
import type { MailboxId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import { parentPath } from '../mailbox/model/mailbox-path.js';
import type { MirrorTransaction, NewMailbox } from '../store/mirror.port.js';

/** Makes the mirror's mailboxes equal to the server's list. Parents come before their children, so that they can be named. */
export async function applyMailboxList(tx: MirrorTransaction, listed: readonly RemoteMailbox[]): Promise<void> {
  const known = new Map((await tx.mailboxes()).map((mailbox) => [mailbox.path, mailbox]));
  const ids = new Map<string, MailboxId>([...known].map(([path, { id }]) => [path, id]));
  const gone = [...known.values()].filter(({ path }) => !listed.some((remote) => remote.path === path));
  for (const { id } of gone) await tx.removeMailbox(id);
  for (const remote of [...listed].sort((a, b) => a.path.length - b.path.length)) {
    const wanted = toNewMailbox(remote, ids);
    const mailbox = known.get(remote.path);
    if (!mailbox) ids.set(remote.path, await tx.insertMailbox(wanted));
    else if (differs(mailbox, wanted)) await tx.updateMailbox(mailbox.id, withNulls(wanted));
  }
}

function toNewMailbox(remote: RemoteMailbox, ids: ReadonlyMap<string, MailboxId>): NewMailbox {
  const parent = parentPath(remote.path, remote.delimiter);
  return {
    path: remote.path,
    delimiter: remote.delimiter,
    parentId: parent === undefined ? undefined : ids.get(parent),
    specialUse: remote.specialUse,
    subscribed: remote.subscribed,
    selectable: remote.selectable,
    complete: !remote.selectable,
  };
}

const differs = (mailbox: Mailbox, wanted: NewMailbox): boolean =>
  mailbox.delimiter !== wanted.delimiter ||
  mailbox.parentId !== wanted.parentId ||
  mailbox.specialUse !== wanted.specialUse ||
  mailbox.subscribed !== wanted.subscribed ||
  mailbox.selectable !== wanted.selectable;

const withNulls = ({ delimiter, parentId, specialUse, subscribed, selectable }: NewMailbox) => ({
  delimiter: delimiter ?? null,
  parentId: parentId ?? null,
  specialUse: specialUse ?? null,
  subscribed,
  selectable,
});

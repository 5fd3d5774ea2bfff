import type { RemoteMailbox } from '../mailbox/keeper.port.js';
import { uidValidity, type MailboxId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import { parentPath } from '../mailbox/model/mailbox-path.js';
import type { MirrorTransaction, NewMailbox } from '../store/mirror.port.js';

/**
 * Makes the mirror's mailboxes equal to the server's list. Parents come before their children, so that they can be named.
 * @returns those that have gone and hold messages still, which others may have moved before: they wait for `removeDeserted`
 */
export async function applyMailboxList(
  tx: MirrorTransaction,
  listed: readonly RemoteMailbox[],
): Promise<readonly MailboxId[]> {
  const mailboxes = await tx.mailboxes();
  const renamed = findRenamed(mailboxes, listed);
  const known = new Map(mailboxes.map((mailbox) => [renamed.get(mailbox.id) ?? mailbox.path, mailbox]));
  const ids = new Map<string, MailboxId>([...known].map(([path, { id }]) => [path, id]));
  const gone = [...known].filter(([path]) => !listed.some((remote) => remote.path === path));
  for (const [, mailbox] of gone) await desert(tx, mailbox);
  for (const remote of [...listed].sort((a, b) => a.path.length - b.path.length)) {
    const wanted = toNewMailbox(remote, ids);
    const mailbox = known.get(remote.path);
    if (!mailbox) ids.set(remote.path, await tx.insertMailbox(wanted));
    else if (mailbox.path !== remote.path) await rename(tx, mailbox, wanted);
    else if (differs(mailbox, wanted)) await tx.updateMailbox(mailbox.id, withNulls(wanted));
    if (mailbox && !wanted.selectable) await clearMailbox(tx, mailbox.id);
  }
  return removeDeserted(
    tx,
    gone.map(([, { id }]) => id),
  );
}

async function desert(tx: MirrorTransaction, { id, selectable, totalMessages }: Mailbox): Promise<void> {
  if (selectable && totalMessages > 0) await tx.updateMailbox(id, { selectable: false });
  await clearMailbox(tx, id);
}

/** Those of which every message was found elsewhere or removed. @returns the others */
export async function removeDeserted(tx: MirrorTransaction, ids: readonly MailboxId[]): Promise<readonly MailboxId[]> {
  const left = (await tx.mailboxes()).filter(({ id }) => ids.includes(id));
  const empty = left.filter(({ totalMessages }) => totalMessages === 0);
  for (const { id } of empty) await tx.removeMailbox(id);
  return left.filter((mailbox) => !empty.includes(mailbox)).map(({ id }) => id);
}

/** What it held is not there any more, and may be elsewhere; should it come back, it is read from the beginning. */
export async function clearMailbox(tx: MirrorTransaction, mailboxId: MailboxId): Promise<void> {
  const mailbox = (await tx.mailboxes()).find(({ id }) => id === mailboxId);
  if (!mailbox || (mailbox.sync.complete && mailbox.totalMessages === 0)) return;
  await tx.departAll(mailboxId);
  const sync = { complete: true, messagesTotal: 0, messagesSynced: 0, lastSyncAt: new Date() };
  await tx.saveProgress(mailboxId, sync, { uidValidity: uidValidity(0), lowestUid: 1, nextUid: 1 });
}

/**
 * Mailboxes that another client has given other names: what went and what came have one UIDVALIDITY that no other mailbox has
 * (RFC 9051 section 6.3.6 keeps it). That may be chance on a server that gives it out carelessly.
 * @returns their new paths
 */
function findRenamed(mailboxes: readonly Mailbox[], listed: readonly RemoteMailbox[]): ReadonlyMap<MailboxId, string> {
  const renamed = new Map<MailboxId, string>();
  const paths = new Set(mailboxes.map(({ path }) => path));
  for (const { id, path, checkpoint } of mailboxes) {
    if (!checkpoint || listed.some((remote) => remote.path === path)) continue;
    const { uidValidity: validity } = checkpoint;
    const twins = mailboxes.filter((other) => other.checkpoint?.uidValidity === validity);
    const found = listed.filter(({ status }) => status?.uidValidity === validity);
    const [only] = found;
    if (only && found.length === 1 && twins.length === 1 && !paths.has(only.path)) renamed.set(id, only.path);
  }
  return renamed;
}

/** Read again from the beginning, where every message is recognised or not: the same number is no proof that it is the same mailbox. */
async function rename(tx: MirrorTransaction, { id, sync }: Mailbox, wanted: NewMailbox): Promise<void> {
  await tx.updateMailbox(id, { path: wanted.path, ...withNulls(wanted) });
  const nothing = { uidValidity: uidValidity(0), lowestUid: 1, nextUid: 1 };
  await tx.saveProgress(id, { ...sync, complete: false }, nothing);
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

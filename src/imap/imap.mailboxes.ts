import { invalidInput, MailError } from '../mailbox/mailbox.errors.js';
import type { RemoteMailbox, RemoteMailboxStatus } from '../mailbox/keeper.port.js';
import { isAtOrBelow } from '../mailbox/model/mailbox-path.js';
import type { ImapConnection } from './imap.connection.js';
import type { ListedMailbox } from './imap.flow.js';
import { maxStatusPerPoll } from './imap.limits.js';
import { toRemoteMailbox, toStatus } from './imap.mapping.js';
import type { ImapSessionPool } from './imap.session-pool.js';

export type ListedName = Pick<RemoteMailbox, 'path' | 'selectable'>;

/** The account's list of mailboxes, and commands on it. Paths are decoded and complete, with the namespace's prefix. */
export class ImapMailboxes {
  /** As listed last; not known any more after a command of ours that changes them. */
  private known: readonly string[] | undefined;
  /** As the watching connection was told last, and whether the next list is to be compared with it. */
  private watched: { readonly list: string; compared: boolean } | undefined;

  /** @param only these and what is below them; all when absent */
  constructor(
    private readonly pool: ImapSessionPool,
    private readonly only: readonly string[] | undefined,
  ) {}

  isWanted = ({ path, delimiter }: Pick<ListedMailbox, 'path' | 'delimiter'>): boolean =>
    !this.only || this.only.some((top) => isAtOrBelow(path, top, delimiter));

  /**
   * A connection may go on to list what was there before others renamed or deleted it (seen with Dovecot 2.3, for a minute and
   * more). Where the watching one has heard of others since the last list, or some are gone with which messages would go, a new
   * connection is asked which they are.
   * @param wantsStatus asked for one by one where the list came without (no LIST-STATUS, RFC 5819)
   */
  async list(
    signal: AbortSignal,
    wantsStatus: (mailbox: RemoteMailbox) => boolean = () => false,
  ): Promise<readonly RemoteMailbox[]> {
    let listed = await this.listOnce(signal, wantsStatus);
    const isDoubtful = this.isDoubtful(labelsOf(listed));
    if (this.watched) this.watched.compared = true;
    if (isDoubtful) {
      this.pool.renew();
      listed = await this.listOnce(signal, wantsStatus);
    }
    this.known = labelsOf(listed);
    return listed;
  }

  private isDoubtful(labels: readonly string[]): boolean {
    const { known = [], watched } = this;
    const listed = new Set(labels);
    const isNews = watched !== undefined && !watched.compared && watched.list !== labels.join();
    return isNews || known.some((label) => !listed.has(label));
  }

  /**
   * @param mailboxes as the watching connection lists them
   * @returns true where the last list was another though nothing has changed since: the next one is asked for on a new connection
   */
  disagreesWith(mailboxes: readonly ListedName[]): boolean {
    const list = labelsOf(mailboxes).join();
    const isNews = this.watched?.list !== list;
    if (isNews) this.watched = { list, compared: false };
    if (isNews || this.known === undefined || this.known.join() === list) return false;
    this.pool.renew();
    return true;
  }

  private listOnce(
    signal: AbortSignal,
    wantsStatus: (mailbox: RemoteMailbox) => boolean,
  ): Promise<readonly RemoteMailbox[]> {
    return this.pool.look(signal, async (connection) => {
      const listed = (await connection.list(signal)).filter(this.isWanted).map(toRemoteMailbox);
      if (listed.some(({ status }) => status)) return listed;
      const wanted = listed.filter((one) => one.selectable && wantsStatus(one)).slice(0, maxStatusPerPoll);
      const statuses = new Map<string, RemoteMailboxStatus | undefined>();
      for (const { path } of wanted) statuses.set(path, await findStatus(connection, path, signal));
      return listed.map((mailbox) => ({ ...mailbox, status: statuses.get(mailbox.path) }));
    });
  }

  async create(path: string, signal: AbortSignal): Promise<void> {
    checkPath(path);
    const created = await this.pool.use(signal, (connection) => connection.createMailbox(path, signal));
    if (!created) throw new MailError('CONFLICT', 'the mail server has a mailbox of that name already');
  }

  async rename(path: string, newPath: string, signal: AbortSignal): Promise<void> {
    checkPath(newPath);
    this.known = undefined;
    await this.pool.use(signal, (connection) => connection.renameMailbox(path, newPath, signal));
    this.pool.forgetSelections();
  }

  async remove(path: string, signal: AbortSignal): Promise<void> {
    this.known = undefined;
    await this.pool.use(signal, (connection) => connection.deleteMailbox(path, signal));
    this.pool.forgetSelections();
  }

  setSubscribed(path: string, subscribed: boolean, signal: AbortSignal): Promise<void> {
    return this.pool.use(signal, (connection) => connection.setSubscribed(path, subscribed, signal));
  }
}

/** A name without a mailbox is another than one with. */
const labelsOf = (listed: readonly ListedName[]): readonly string[] =>
  listed.map(({ path, selectable }) => JSON.stringify([path, selectable])).sort();

/** A mailbox that refuses is no reason to know nothing of the others. */
async function findStatus(
  connection: ImapConnection,
  path: string,
  signal: AbortSignal,
): Promise<RemoteMailboxStatus | undefined> {
  try {
    const status = await connection.status(path, signal);
    return status && toStatus(status);
  } catch (error) {
    if (!connection.usable) throw error;
    return undefined;
  }
}

/** Line breaks and NUL would end the command; other controls are in no name a person gave. */
function checkPath(path: string): void {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (path === '' || /[\u0000-\u001f\u007f]/.test(path)) {
    throw invalidInput(['input', 'name'], 'a mailbox name holds at least one character and no control characters');
  }
}

import { invalidInput, MailError } from '../mailbox/mailbox.errors.js';
import type { RemoteMailbox } from '../mailbox/keeper.port.js';
import { isAtOrBelow } from '../mailbox/model/mailbox-path.js';
import type { ListedMailbox } from './imap.connection.js';
import { toRemoteMailbox } from './imap.mapping.js';
import type { ImapSessionPool } from './imap.session-pool.js';

/** The account's list of mailboxes, and commands on it. Paths are decoded and complete, with the namespace's prefix. */
export class ImapMailboxes {
  /** @param only these and what is below them; all when absent */
  constructor(
    private readonly pool: ImapSessionPool,
    private readonly only: readonly string[] | undefined,
  ) {}

  isWanted = ({ path, delimiter }: Pick<ListedMailbox, 'path' | 'delimiter'>): boolean =>
    !this.only || this.only.some((top) => isAtOrBelow(path, top, delimiter));

  async list(signal: AbortSignal): Promise<readonly RemoteMailbox[]> {
    const listed = await this.pool.use(signal, (connection) => connection.list(signal));
    return listed.filter(this.isWanted).map(toRemoteMailbox);
  }

  async create(path: string, signal: AbortSignal): Promise<void> {
    checkPath(path);
    const created = await this.pool.use(signal, (connection) => connection.createMailbox(path, signal));
    if (!created) throw new MailError('CONFLICT', 'the mail server has a mailbox of that name already');
  }

  async rename(path: string, newPath: string, signal: AbortSignal): Promise<void> {
    checkPath(newPath);
    await this.pool.use(signal, (connection) => connection.renameMailbox(path, newPath, signal));
    this.pool.forgetSelections();
  }

  async remove(path: string, signal: AbortSignal): Promise<void> {
    await this.pool.use(signal, (connection) => connection.deleteMailbox(path, signal));
    this.pool.forgetSelections();
  }

  setSubscribed(path: string, subscribed: boolean, signal: AbortSignal): Promise<void> {
    return this.pool.use(signal, (connection) => connection.setSubscribed(path, subscribed, signal));
  }
}

/** Line breaks and NUL would end the command; other controls are in no name a person gave. */
function checkPath(path: string): void {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (path === '' || /[\u0000-\u001f\u007f]/.test(path)) {
    throw invalidInput(['input', 'name'], 'a mailbox name holds at least one character and no control characters');
  }
}

import { invalidInput } from '../mailbox/mailbox.errors.js';
import { uid, type Uid, type UidValidity } from '../mailbox/model/ids.js';
import type { HeaderCondition } from '../mailbox/model/search.js';
import { rejected } from './imap.errors.js';
import { maxSetChars } from './imap.limits.js';
import type { ImapSessionPool } from './imap.session-pool.js';
import { UidSet } from './uid-set.js';

/** Questions that the server's own SEARCH answers. */
export class ImapSearch {
  constructor(private readonly pool: ImapSessionPool) {}

  async findByHeader(path: string, { name, contains }: HeaderCondition, signal: AbortSignal): Promise<readonly Uid[]> {
    checkSearch(name, contains);
    const { connection, release } = await this.pool.lease(path, signal);
    try {
      const found = UidSet.parse(await connection.search({ header: { [name]: contains } }, signal));
      if (found.size > connection.exists) throw rejected('the mail server found more messages than it has');
      return [...found].map(uid);
    } finally {
      release();
    }
  }

  /** @returns undefined where the mailbox has another UIDVALIDITY */
  async findPresent(
    path: string,
    uidValidity: UidValidity,
    uids: readonly Uid[],
    signal: AbortSignal,
  ): Promise<readonly Uid[] | undefined> {
    const { connection, mailbox, warm, release } = await this.pool.lease(path, signal, path !== 'INBOX');
    try {
      if (mailbox.uidValidity !== uidValidity) return undefined;
      // A session knows only of expunges that it was told of, and SEARCH may not tell (RFC 9051 section 7.5.1).
      if (warm) await connection.noop(signal);
      const present: number[] = [];
      for (const line of UidSet.of(uids).lines(maxSetChars)) {
        const found = UidSet.parse(await connection.search({ uid: line }, signal));
        present.push(...uids.filter((one) => found.has(one)));
      }
      return present.map(uid);
    } finally {
      release();
    }
  }
}

/** RFC 5322 section 2.2: a field name is printable ASCII but the colon. */
function checkSearch(name: string, contains: string): void {
  if (!/^[!-9;-~]{1,200}$/.test(name))
    throw invalidInput(['filter', 'header', 'name'], 'not the name of a header field');
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\r\n\u0000]/.test(contains)) {
    throw invalidInput(['filter', 'header', 'contains'], 'a header field is one line');
  }
}

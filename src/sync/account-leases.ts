import { Injectable, Logger } from '@nestjs/common';
import type pg from 'pg';
import type { AccountId } from '../mailbox/model/ids.js';
import { SessionClients } from '../store/session-client.js';

/** Raises the account's epoch: from here on writes of whoever owned it before are refused. */
const RAISE_EPOCH = 'UPDATE account SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch';
const queryTimeoutMs = 10_000;

/**
 * Which instance watches which account: a session advisory lock each, on one session of this instance. The server releases
 * them when the session ends, however the instance died.
 */
@Injectable()
export class AccountLeases {
  private readonly log = new Logger(AccountLeases.name);
  private session: pg.Client | undefined;

  constructor(private readonly sessions: SessionClients) {}

  /**
   * @param onLost called once when the session is gone and with it every lease
   * @throws when the database cannot be reached
   */
  async open(onLost: () => void): Promise<void> {
    let session: pg.Client | undefined = undefined;
    session = await this.sessions.open('mailroom leases', (error) => {
      if (this.session !== session || !session) return;
      this.session = undefined;
      this.log.warn({ reason: error.message }, 'lost every lease: the database session ended');
      onLost();
    });
    this.session = session;
  }

  get isOpen(): boolean {
    return this.session !== undefined;
  }

  /** @returns the account's new epoch, or undefined where another instance watches it (or it is gone) */
  async acquire(accountId: AccountId): Promise<bigint | undefined> {
    const [lock] = await this.query<{ ok: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS ok',
      accountId,
    );
    if (!lock?.ok) return undefined;
    const [row] = await this.query<{ epoch: string }>(RAISE_EPOCH, accountId);
    if (row) return BigInt(row.epoch);
    await this.release(accountId);
    return undefined;
  }

  async release(accountId: AccountId): Promise<void> {
    if (this.session) await this.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', accountId);
  }

  async close(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    await session?.end().catch(() => undefined);
  }

  private async query<Row extends object>(text: string, accountId: AccountId): Promise<Row[]> {
    if (!this.session) throw new Error('no lease session');
    // `query_timeout` is pg's own deadline; its types leave it out of QueryConfig.
    const query = { text, values: [accountId], query_timeout: queryTimeoutMs } as pg.QueryConfig;
    return (await this.session.query<Row>(query)).rows;
  }
}

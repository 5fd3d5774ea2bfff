import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import pg from 'pg';
import { KeyedMutex } from '../common/keyed-mutex.js';
import { SessionClients } from '../store/session-client.js';

/** Less than a lease, so that a database that hangs is noticed while there is still time to ask again. */
const queryTimeoutMs = 3_000;
/** A row that somebody else holds for longer is asked for again later: leases are renewed on this session, too. */
const lockTimeout = '1s';

/**
 * This instance's session with the database for all that instances agree on with each other, beside the pool, so that no load on
 * that can delay it. Opened again by the next query when it is lost.
 */
@Injectable()
export class InstanceSession {
  /** Of this instance, new with each start. */
  readonly id = randomUUID();
  private readonly log = new Logger(InstanceSession.name);
  private readonly turns = new KeyedMutex<'query'>();
  private client: Promise<pg.Client> | undefined;
  private closed = false;

  constructor(private readonly sessions: SessionClients) {}

  /**
   * One query at a time, in the order in which they were asked.
   * @throws also where the answer does not come in time: the session is given up then, and with it its advisory locks
   */
  query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.turns.run('query', () => this.send<Row>(text, values));
  }

  private async send<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    if (this.closed) throw new Error('the gateway is stopping');
    const opened = this.client ?? this.connect();
    const client = await opened;
    try {
      // `query_timeout` is pg's own deadline; its types leave it out of QueryConfig.
      const query = { text, values: [...values], query_timeout: queryTimeoutMs } as pg.QueryConfig;
      return (await client.query<Row>(query)).rows;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) await this.giveUp(opened);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.client) await this.giveUp(this.client);
  }

  private connect(): Promise<pg.Client> {
    const forget = (): void => {
      if (this.client === opening) this.client = undefined;
    };
    const opening = this.open(forget);
    this.client = opening;
    opening.catch(forget);
    return opening;
  }

  private async open(onLost: () => void): Promise<pg.Client> {
    const client = await this.sessions.open(`mailroom instance ${this.id}`, (error) => {
      if (!this.closed) this.log.debug({ reason: error.message }, 'session lost');
      onLost();
    });
    await client.query(`SET lock_timeout = '${lockTimeout}'`);
    return client;
  }

  private async giveUp(opened: Promise<pg.Client>): Promise<void> {
    if (this.client === opened) this.client = undefined;
    const client = await opened.catch(() => undefined);
    await client?.end().catch(() => undefined);
  }
}

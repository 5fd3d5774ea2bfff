import { Injectable, Logger } from '@nestjs/common';
import { sleep } from '../common/sleep.js';
import { InstanceSession } from './instance-session.js';
import { isRunning, ownProcess, type OwnProcess } from './own-process.js';

/** A dead instance's accounts are free after this. Longer than a hiccup of the database, which is to harm nothing. */
const leaseMs = 8_000;
const renewEveryMs = 2_000;

/** A session that outlives its instance (a frozen machine, a cut line) holds locks that nobody will give back. */
const BURY_DEAD = `
  WITH dead AS (DELETE FROM instance WHERE lease_until < now() RETURNING id)
  SELECT pg_terminate_backend(a.pid) FROM dead JOIN pg_stat_activity a
  ON a.application_name = 'mailroom instance ' || dead.id AND a.datname = current_database()`;

/**
 * Says, in the table `instance`, that this instance is alive. Whoever has not said so for a while is dead to the others, and must
 * know it by itself: its time is measured here from before it was asked for, so that it is over here before it is over there.
 */
@Injectable()
export class InstanceLease {
  private readonly log = new Logger(InstanceLease.name);
  private readonly stopping = new AbortController();
  private self: OwnProcess | undefined;
  private validUntilMs = 0;
  private expiry: NodeJS.Timeout | undefined;
  private onExpired: () => void = () => undefined;
  private renewing: Promise<void> = Promise.resolve();

  constructor(private readonly session: InstanceSession) {}

  /**
   * Resolves when it was asked for the first time.
   * @param onExpired called each time that it ran out: everything it covered is to be let go of at once
   */
  async start(onExpired: () => void): Promise<void> {
    this.onExpired = onExpired;
    this.self = await ownProcess();
    await this.buryPredecessors();
    await this.renew();
    this.renewing = this.renewAgainAndAgain();
  }

  get isValid(): boolean {
    return performance.now() < this.validUntilMs;
  }

  /** Others need not wait for its end. Never throws. */
  async giveBack(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.expiry);
    this.validUntilMs = 0;
    await this.renewing;
    await this.session.query('DELETE FROM instance WHERE id = $1', [this.session.id]).catch(() => undefined);
  }

  private async renewAgainAndAgain(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await sleep(renewEveryMs, signal);
      if (!signal.aborted) await this.renew();
    }
  }

  private async renew(): Promise<void> {
    const askedMs = performance.now();
    try {
      await this.session.query(
        `INSERT INTO instance (id, lease_until, process_space, process_id)
         VALUES ($1, now() + $2 * interval '1 millisecond', $3, $4)
         ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until`,
        [this.session.id, leaseMs, this.self?.space, this.self?.pid],
      );
      this.extend(askedMs + leaseMs);
      await this.session.query(BURY_DEAD);
    } catch (error) {
      this.log.warn({ reason: String(error) }, 'lease not renewed; tried again');
    }
  }

  /** After a crash nobody waits for the lease of a process that can be seen to be gone. */
  private async buryPredecessors(): Promise<void> {
    if (!this.self) return;
    const { space, pid } = this.self;
    try {
      const sql = 'SELECT id, process_id AS pid FROM instance WHERE process_space = $1';
      const rows = await this.session.query<{ id: string; pid: number }>(sql, [space]);
      const gone = rows.filter((row) => row.pid !== pid && !isRunning(row.pid)).map(({ id }) => id);
      await this.session.query('DELETE FROM instance WHERE id = ANY ($1::uuid[])', [gone]);
    } catch (error) {
      this.log.warn({ reason: String(error) }, 'predecessors not looked for');
    }
  }

  private extend(untilMs: number): void {
    if (this.stopping.signal.aborted) return;
    this.validUntilMs = untilMs;
    clearTimeout(this.expiry);
    this.expiry = setTimeout(() => {
      this.log.warn('this instance could not reach the database for so long that others may have its accounts now');
      this.onExpired();
    }, untilMs - performance.now());
  }
}

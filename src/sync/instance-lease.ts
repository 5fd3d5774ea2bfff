import { Injectable, Logger } from '@nestjs/common';
import { sleep } from '../common/sleep.js';
import { InstanceSession } from './instance-session.js';

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
        `INSERT INTO instance (id, lease_until) VALUES ($1, now() + $2 * interval '1 millisecond')
         ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until`,
        [this.session.id, leaseMs],
      );
      this.extend(askedMs + leaseMs);
      await this.session.query(BURY_DEAD);
    } catch (error) {
      this.log.warn({ reason: String(error) }, 'lease not renewed; tried again');
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

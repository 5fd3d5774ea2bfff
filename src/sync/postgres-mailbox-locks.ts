import { Injectable } from '@nestjs/common';
import { sleep } from '../common/sleep.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import { InstanceSession } from './instance-session.js';
import { MailboxTurns, type LockId } from './mailbox-turns.js';

/** Longer than any command or batch may take. */
const waitMs = 130_000;
const firstPauseMs = 5;
const longestPauseMs = 200;

/**
 * Within this instance by turns in memory, between instances by advisory locks, which end with the session of an instance that
 * died. A session that is lost in the middle of the work takes the lock with it: the worst of that is a flag that stands until the
 * mailbox is read again.
 */
@Injectable()
export class PostgresMailboxLocks extends MailboxTurns {
  constructor(private readonly session: InstanceSession) {
    super();
  }

  protected override async hold<T>(id: LockId, work: () => Promise<T>): Promise<T> {
    await this.acquire(id);
    try {
      return await work();
    } finally {
      this.release(id);
    }
  }

  /** Asks again and again instead of waiting in the database: the session is for everybody. */
  private async acquire(id: LockId): Promise<void> {
    const deadlineMs = performance.now() + waitMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      if (await this.tryAcquire(id)) return;
      if (performance.now() > deadlineMs) {
        throw new MailError('TIMEOUT', 'another instance of the gateway is busy with this mailbox for too long');
      }
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }

  private async tryAcquire(id: LockId): Promise<boolean> {
    const sql = 'SELECT pg_try_advisory_lock(hashtextextended($1, 2)) AS ok';
    const ask = async (): Promise<boolean> => (await this.session.query<{ ok: boolean }>(sql, [id]))[0]?.ok ?? false;
    // A session that was lost a moment ago is opened again by the next question.
    return ask().catch(ask);
  }

  /** Nobody waits for it: what comes next on this session comes after it, and a session that is gone holds nothing. */
  private release(id: LockId): void {
    this.session.query('SELECT pg_advisory_unlock(hashtextextended($1, 2))', [id]).catch(() => undefined);
  }
}

import { KeyedMutex } from '../common/keyed-mutex.js';
import type { MailboxLocks } from '../mailbox/mailbox-locks.port.js';
import type { AccountId, MailboxId } from '../mailbox/model/ids.js';

export type LockId = MailboxId | AccountId;

/** Turns within this process. */
export class MailboxTurns implements MailboxLocks {
  private readonly mutex = new KeyedMutex<LockId>();

  lock<T>(ids: readonly LockId[], work: () => Promise<T>): Promise<T> {
    // Always in the same order, so that nobody waits for who waits for them.
    const [first, ...rest] = [...new Set(ids)].sort();
    if (first === undefined) return work();
    return this.mutex.run(first, () => this.hold(first, () => this.lock(rest, work)));
  }

  /** Around the work, for whoever must ask others, too. */
  protected hold<T>(_id: LockId, work: () => Promise<T>): Promise<T> {
    return work();
  }
}

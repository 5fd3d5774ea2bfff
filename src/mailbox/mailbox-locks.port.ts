import type { AccountId, MailboxId } from './model/ids.js';

/** Keeps commands and synchronisation apart, on all instances: what the server answered first must reach the mirror first. */
export interface MailboxLocks {
  /**
   * Runs while nobody else is between a server's answer and the mirror for these mailboxes, or these accounts' lists of mailboxes.
   * @throws MailError TIMEOUT when another instance does not come to an end
   */
  lock<T>(ids: readonly (MailboxId | AccountId)[], work: () => Promise<T>): Promise<T>;
}

import type { AccountId, MailboxId } from './model/ids.js';

/** Keeps commands and synchronisation apart: what the server answered first must reach the mirror first. */
export interface MailboxLocks {
  lock<T>(ids: readonly (MailboxId | AccountId)[], work: () => Promise<T>): Promise<T>;
}

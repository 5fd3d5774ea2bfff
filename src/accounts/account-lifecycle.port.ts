import type { AccountId } from '../mailbox/model/ids.js';

/** Whoever runs accounts is told of every change of their set or settings, after it was committed (`stopping`: before). */
export interface AccountLifecycle {
  started(id: AccountId): Promise<void>;
  /** Settings or credentials are others now, or the account was paused or resumed. */
  changed(id: AccountId): Promise<void>;
  /** Resolves when nothing works on the account any more. */
  stopping(id: AccountId): Promise<void>;
}

export const ACCOUNT_LIFECYCLE = Symbol('ACCOUNT_LIFECYCLE');

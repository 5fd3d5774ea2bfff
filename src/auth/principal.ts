import { MailError, notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId, ApiKeyId } from '../mailbox/model/ids.js';

export const SCOPES = ['ADMIN', 'ACCOUNTS', 'READ', 'MODIFY', 'SEND'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who is asking, and what they may do. Passed as the first argument to every service. */
export interface Principal {
  readonly kind: 'API_KEY' | 'SESSION_TOKEN';
  readonly keyId: ApiKeyId;
  readonly scopes: readonly Scope[];
  /** Absent where every account may be seen. */
  readonly accountIds?: readonly AccountId[];
  readonly expiresAt?: Date;
}

/** @throws MailError FORBIDDEN */
export function requireScope(principal: Principal, scope: Scope): void {
  if (principal.scopes.includes(scope) || principal.scopes.includes('ADMIN')) return;
  throw new MailError('FORBIDDEN', `this needs a key with scope ${scope}`);
}

export const maySee = (principal: Principal, accountId: AccountId): boolean =>
  principal.accountIds === undefined || principal.accountIds.includes(accountId);

/** @throws MailError NOT_FOUND, the same as for an account that does not exist */
export function requireAccount(principal: Principal, accountId: AccountId): void {
  if (!maySee(principal, accountId)) throw notFound('account');
}

import type { Account } from '../accounts/account.js';
import type { MailboxFreshness } from './mailbox-freshness.port.js';
import { MailError } from './mailbox.errors.js';
import type { AccountId } from './model/ids.js';
import type { Mailbox } from './model/mailbox.js';

/** An account of which something is missing or may be old, and why. */
export interface AccountFailure {
  readonly accountId: AccountId;
  readonly error: MailError;
}

/** Accounts that are not up to date now: what is listed of them may be old. */
export const findUnreachable = (accounts: readonly Account[]): readonly AccountFailure[] =>
  accounts.flatMap(({ id: accountId, status: { state, lastError } }) => {
    if (state !== 'OFFLINE' && state !== 'AUTHENTICATION_FAILED') return [];
    const { code = 'CONNECTION_FAILED', message = 'the account is offline' } = lastError ?? {};
    return [{ accountId, error: new MailError(code, message) }];
  });

/** Has mailboxes compared with their servers that were not for a while. @returns the accounts of those that may be old till then */
export async function touchMailboxes(
  freshness: MailboxFreshness,
  accounts: readonly Account[],
  mailboxes: readonly Mailbox[],
): Promise<readonly AccountFailure[]> {
  const reachable = new Map(accounts.filter(isReachable).map((account) => [account.id, account]));
  const listed = mailboxes.filter(({ accountId }) => reachable.has(accountId));
  if (listed.length === 0) return [];
  const old = await freshness.touch(listed, (id) => reachable.get(id)?.status.lastSuccessAt);
  return [...new Set(old.map(({ accountId }) => accountId))].map((accountId) => ({
    accountId,
    error: isBeingCompared(),
  }));
}

/** Others are retried by their own rules, and not by every list. */
const isReachable = ({ status: { state } }: Account): boolean => state === 'ONLINE' || state === 'SYNCING';

const isBeingCompared = (): MailError =>
  new MailError('TIMEOUT', 'a mailbox was not compared with the mail server for a while: it is being compared now');

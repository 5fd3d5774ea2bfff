import type { Keeper } from './keeper.port.js';
import type { PollResult } from './model/poll-result.js';
import type { AccountId, MailboxId } from './model/ids.js';

/** Gives the service an account's keeper, on whichever instance it runs. */
export interface KeeperProvider {
  /** @throws MailError NOT_FOUND, CONFLICT where the account is paused and its mail is on the server */
  keeperOf(accountId: AccountId): Promise<Keeper>;
  /** Makes the mirror of this mailbox true now; nothing to do where the gateway itself keeps it. */
  refreshMailbox(mailboxId: MailboxId, signal: AbortSignal): Promise<void>;
  /** Makes the list of mailboxes true now. */
  refreshMailboxList(accountId: AccountId, signal: AbortSignal): Promise<void>;
  /** POP3 poll, IMAP resynchronisation. */
  syncNow(accountId: AccountId, signal: AbortSignal): Promise<PollResult | undefined>;
}

export const KEEPER_PROVIDER = Symbol('KEEPER_PROVIDER');
export const MAILBOX_LOCKS = Symbol('MAILBOX_LOCKS');

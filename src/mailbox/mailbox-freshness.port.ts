import type { AccountId } from './model/ids.js';
import type { Mailbox } from './model/mailbox.js';

/** Knows how old what is shown of a mailbox may be, and has it renewed. */
export interface MailboxFreshness {
  /**
   * Somebody looks at these. What was not compared with its server for a while is compared now; nobody waits for it.
   * @param wellAt when all was well with an account last, whichever instance watches it
   * @returns those that may be old
   */
  touch(mailboxes: readonly Mailbox[], wellAt: (accountId: AccountId) => Date | undefined): Promise<readonly Mailbox[]>;
}

export const MAILBOX_FRESHNESS = Symbol('MAILBOX_FRESHNESS');

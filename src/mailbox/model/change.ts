import type { AccountId, ChangePosition, MailboxId, MessageId } from './ids.js';

export type ChangeType =
  | 'MESSAGE_ADDED'
  | 'MESSAGE_UPDATED'
  | 'MESSAGE_REMOVED'
  | 'MAILBOX_ADDED'
  | 'MAILBOX_UPDATED'
  | 'MAILBOX_REMOVED'
  | 'MAILBOX_RESET'
  | 'ACCOUNT_STATUS_CHANGED';

interface ChangeBase {
  readonly accountId: AccountId;
  readonly position: ChangePosition;
  readonly at: Date;
}

/** One row of an account's change log. Objects are named by id: what they are now is read from the mirror. */
export type Change = ChangeBase &
  (
    | {
        readonly type: 'MESSAGE_ADDED';
        readonly messageId: MessageId;
        readonly mailboxId: MailboxId;
        /** Found by a first synchronisation: in the log so that a replay is complete, but not news. */
        readonly initial: boolean;
      }
    | {
        readonly type: 'MESSAGE_UPDATED';
        readonly messageId: MessageId;
        readonly mailboxId: MailboxId;
        /** Where it was, if it was moved. */
        readonly previousMailboxId?: MailboxId;
      }
    | { readonly type: 'MESSAGE_REMOVED'; readonly messageId: MessageId; readonly mailboxId: MailboxId }
    | { readonly type: 'MAILBOX_ADDED' | 'MAILBOX_UPDATED' | 'MAILBOX_RESET'; readonly mailboxId: MailboxId }
    | { readonly type: 'MAILBOX_REMOVED'; readonly mailboxId: MailboxId; readonly path: string }
    | { readonly type: 'ACCOUNT_STATUS_CHANGED' }
  );

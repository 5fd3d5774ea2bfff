import type { AccountId, MailboxId, MessageId } from '../mailbox/model/ids.js';

/** Remembers which imports were asked for under which key, so that a repeat stores nothing again. */
export interface ImportKeys {
  /**
   * @returns 'first' for a new key; the message that the key has made; or 'again' where an import under it was begun and its end
   *   is not known
   * @throws MailError CONFLICT when the key stands for other octets or another mailbox
   */
  claim(
    accountId: AccountId,
    mailboxId: MailboxId,
    key: string,
    sha256: Buffer,
  ): Promise<MessageId | 'first' | 'again'>;
  settle(accountId: AccountId, key: string, messageId: MessageId): Promise<void>;
  /** Nothing was stored: the key is free again. */
  forget(accountId: AccountId, key: string): Promise<void>;
}

export const IMPORT_KEYS = Symbol('IMPORT_KEYS');

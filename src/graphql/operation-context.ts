import type { Account } from '../accounts/account.js';
import type { Principal } from '../auth/principal.js';
import type { LimitsConfig } from '../config/config.js';
import type { MessagePage } from '../mailbox/mailbox.service.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { Message } from '../mailbox/model/message.js';
import type { MessageFilter } from '../mailbox/model/search.js';
import type { Thread } from '../mailbox/model/thread.js';
import type { MailboxId, MessageId } from '../mailbox/model/ids.js';
import type * as gql from './generated/schema-types.js';
import type { Loaders } from './loaders.js';
import type { Resolved } from './resolved.js';

/** Signed URLs of mail content, absolute. */
export interface Links {
  raw(id: MessageId): string;
  part(id: MessageId, partNumber: string): string;
  mailboxExport(id: MailboxId, format: string): string;
}

/** From the model to the types of the contract. They refer to each other, so each reaches the others through the context. */
export interface Views {
  readonly account: (account: Account) => Resolved<gql.Account>;
  readonly mailbox: (mailbox: Mailbox) => Resolved<gql.Mailbox>;
  readonly message: (message: Message) => Resolved<gql.Message>;
  readonly thread: (thread: Thread) => Resolved<gql.Thread>;
  readonly messagePage: (page: MessagePage, filter: MessageFilter) => Resolved<gql.MessageConnection>;
}

/** Everything one operation, or one event of a subscription, shares. */
export interface OperationContext {
  readonly principal: Principal;
  readonly limits: LimitsConfig;
  readonly loaders: Loaders;
  readonly links: Links;
  readonly views: Views;
  /** Aborts when a subscription's client is gone. */
  readonly signal: AbortSignal;
}

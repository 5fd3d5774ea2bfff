import DataLoader from 'dataloader';
import type { Account } from '../accounts/account.js';
import type { AccountService } from '../accounts/account.service.js';
import type { Principal } from '../auth/principal.js';
import type { MailboxService, MessageListQuery, MessagePage, ThreadListQuery } from '../mailbox/mailbox.service.js';
import type { MessageContentService } from '../mailbox/message-content.service.js';
import type { MessageBodySource } from '../mailbox/message-text.js';
import type { AccountId, MailboxId, MessageId, ThreadId } from '../mailbox/model/ids.js';
import type { Mailbox, SyncProgress } from '../mailbox/model/mailbox.js';
import type { HeaderField, Message, ReadMessage } from '../mailbox/model/message.js';
import type { Quota } from '../mailbox/model/protocol.js';
import type { MessageFilter, Page } from '../mailbox/model/search.js';
import type { Thread } from '../mailbox/model/thread.js';

export interface LoaderServices {
  readonly accounts: AccountService;
  readonly mailboxes: MailboxService;
  readonly content: MessageContentService;
}

/**
 * What the fields of one operation ask for, gathered: one service call where fifty rows want the same kind of thing. Made for
 * each operation and each event of a subscription, never for a socket, where it would serve what is no longer true.
 */
export interface Loaders {
  readonly account: DataLoader<AccountId, Account | undefined>;
  readonly mailbox: DataLoader<MailboxId, Mailbox | undefined>;
  readonly message: DataLoader<MessageId, Message | undefined>;
  readonly thread: DataLoader<ThreadId, Thread | undefined>;
  /** Also what is gone, as it was when it went: for changes, and for messages whose mailbox went meanwhile. */
  readonly mailboxOrGone: DataLoader<MailboxId, Mailbox | undefined>;
  readonly messageOrGone: DataLoader<MessageId, Message | undefined>;
  readonly mailboxesOf: DataLoader<AccountId, readonly Mailbox[]>;
  readonly sync: DataLoader<AccountId, SyncProgress>;
  readonly unreadableOf: DataLoader<AccountId, readonly Message[]>;
  /** Read as MIME. */
  readonly structure: DataLoader<Message, ReadMessage, MessageId>;
  readonly preview: DataLoader<Message, string, MessageId>;
  readonly body: DataLoader<Message, MessageBodySource, MessageId>;
  readonly headers: DataLoader<Message, readonly HeaderField[], MessageId>;
  listMessages(query: MessageListQuery): Promise<MessagePage>;
  countMessages(filter: MessageFilter): Promise<number>;
  listThreads(accountId: AccountId, query: ThreadListQuery): Promise<Page<Thread>>;
  quotaOf(id: AccountId): Promise<readonly Quota[]>;
  protocolLogOf(id: AccountId, last: number): readonly string[];
}

const byMessage = { cacheKeyFn: ({ id }: Message) => id };
const nothingSynced: SyncProgress = { complete: false, messagesTotal: 0, messagesSynced: 0 };

export function createLoaders(ctx: Principal, { accounts, mailboxes, content }: LoaderServices): Loaders {
  return {
    account: new DataLoader((ids) => accounts.findMany(ctx, ids)),
    mailbox: new DataLoader((ids) => mailboxes.findMailboxes(ctx, ids)),
    message: new DataLoader((ids) => mailboxes.findMessages(ctx, ids)),
    thread: new DataLoader((ids) => mailboxes.findThreads(ctx, ids)),
    mailboxOrGone: new DataLoader((ids) => mailboxes.findMailboxesOfChanges(ctx, ids)),
    messageOrGone: new DataLoader((ids) => mailboxes.findMessagesOfChanges(ctx, ids)),
    mailboxesOf: new DataLoader(async (ids) => {
      const found = await mailboxes.mailboxesOf(ctx, ids);
      return ids.map((id) => found.get(id) ?? []);
    }),
    sync: new DataLoader(async (ids) => {
      const found = await mailboxes.syncStatusOf(ctx, ids);
      return ids.map((id) => found.get(id) ?? nothingSynced);
    }),
    unreadableOf: new DataLoader(async (ids) => {
      const found = await mailboxes.findUnreadable(ctx, ids);
      return ids.map((id) => found.filter(({ accountId }) => accountId === id));
    }),
    structure: new DataLoader((messages) => content.structures(ctx, messages), byMessage),
    preview: new DataLoader((messages) => content.previews(ctx, messages), byMessage),
    body: new DataLoader((messages) => content.bodies(ctx, messages), byMessage),
    headers: new DataLoader(
      async (messages) => (await Promise.allSettled(messages.map((m) => content.headers(ctx, m)))).map(valueOrError),
      byMessage,
    ),
    listMessages: (query) => mailboxes.listMessages(ctx, query),
    countMessages: (filter) => mailboxes.countMessages(ctx, filter),
    listThreads: (accountId, query) => mailboxes.listThreads(ctx, accountId, query),
    quotaOf: (id) => mailboxes.quotaOf(ctx, id),
    protocolLogOf: (id, last) => accounts.protocolLog(ctx, id, last),
  };
}

const valueOrError = <T>(result: PromiseSettledResult<T>): T | Error =>
  result.status === 'fulfilled' ? result.value : (result.reason as Error);

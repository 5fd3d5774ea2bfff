import type { AccountId, ThreadId } from './ids.js';
import type { Address, Message } from './message.js';

/** A conversation in one account. Copies of a message in several mailboxes count once. */
export interface Thread {
  readonly id: ThreadId;
  readonly accountId: AccountId;
  /** Of the oldest message, as it came. */
  readonly subject?: string;
  /** Who wrote, in order of appearance, each address once; at most 50. */
  readonly participants: readonly Address[];
  readonly messageCount: number;
  readonly unseenCount: number;
  readonly lastMessageAt: Date;
}

/** What is left of a thread whose messages are all gone, for one that the change log still shows. */
export const emptyThread = ({ threadId, accountId, envelope, internalDate }: Message): Thread => ({
  id: threadId,
  accountId,
  subject: envelope.subject,
  participants: envelope.from,
  messageCount: 0,
  unseenCount: 0,
  lastMessageAt: internalDate,
});

import type { AccountId, MailboxId, MessageId, ThreadId, Uid } from './ids.js';
import type { SpecialUse } from './mailbox.js';

/** Conditions that all must hold. Absent means "does not matter". */
export interface MessageFilter {
  readonly accountIds?: readonly AccountId[];
  readonly mailboxIds?: readonly MailboxId[];
  readonly specialUse?: readonly SpecialUse[];
  readonly ids?: readonly MessageId[];
  readonly threadId?: ThreadId;
  /** Substring of name or address, any case. */
  readonly from?: string;
  readonly to?: string;
  readonly cc?: string;
  readonly bcc?: string;
  readonly participant?: string;
  readonly subject?: string;
  readonly header?: HeaderCondition;
  readonly messageId?: string;
  readonly receivedAfter?: Date;
  /** Exclusive. */
  readonly receivedBefore?: Date;
  readonly sentAfter?: Date;
  readonly sentBefore?: Date;
  readonly minSizeBytes?: number;
  readonly maxSizeBytes?: number;
  readonly seen?: boolean;
  readonly flagged?: boolean;
  readonly answered?: boolean;
  readonly draft?: boolean;
  readonly hasKeyword?: string;
  readonly notKeyword?: string;
  readonly hasAttachments?: boolean;
  readonly and?: readonly MessageFilter[];
  readonly or?: readonly MessageFilter[];
  readonly not?: MessageFilter;
  /** Set by the service alone: of a message that is in several mailboxes one copy, rather not one in a view of others (`\\All` …). */
  readonly eachOnce?: boolean;
  /** Set by the service alone: what a server's SEARCH answered for a condition that the mirror cannot decide. */
  readonly found?: readonly ServerSearchHit[];
}

export interface HeaderCondition {
  readonly name: string;
  readonly contains: string;
}

export interface ServerSearchHit {
  readonly mailboxId: MailboxId;
  readonly uids: readonly Uid[];
}

export type MessageOrderField = 'RECEIVED_AT' | 'SENT_AT' | 'SIZE' | 'SUBJECT' | 'FROM';

export interface MessageOrder {
  readonly field: MessageOrderField;
  readonly direction: 'ASC' | 'DESC';
}

/** Relay-style window: forward with `first`/`after` or backward with `last`/`before`, never both. */
export interface PageRequest {
  readonly first?: number;
  readonly after?: string;
  readonly last?: number;
  readonly before?: string;
}

export interface Page<T> {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

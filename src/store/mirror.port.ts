import type { AccountStatus, Pop3State } from '../accounts/account.js';
import type {
  AccountId,
  ContentId,
  MailboxId,
  MessageId,
  ModSeq,
  ThreadId,
  UidValidity,
  Uid,
} from '../mailbox/model/ids.js';
import type { Mailbox, SpecialUse, SyncCheckpoint, SyncProgress } from '../mailbox/model/mailbox.js';
import type { Flags, Message, MessageData, RemoteRef } from '../mailbox/model/message.js';
import type { AccountCapabilities } from '../mailbox/model/protocol.js';
import type { MessageFilter, MessageOrder, Page, PageRequest } from '../mailbox/model/search.js';
import type { Thread } from '../mailbox/model/thread.js';

export interface MessageQuery {
  /** Accounts to look in; the caller has checked that they may be seen. */
  readonly accountIds: readonly AccountId[];
  readonly filter: MessageFilter;
  readonly order: MessageOrder;
  readonly page: PageRequest;
}

export interface ThreadQuery {
  readonly accountId: AccountId;
  /** Threads with a message that it matches. */
  readonly filter: MessageFilter;
  /** Forward only. */
  readonly page: PageRequest;
}

export interface NewMailbox {
  readonly path: string;
  readonly delimiter?: string;
  readonly parentId?: MailboxId;
  readonly specialUse?: SpecialUse;
  readonly subscribed: boolean;
  readonly selectable: boolean;
  /** True where there is no server to catch up with. */
  readonly complete: boolean;
}

/** What may change of a mailbox; absent is left alone, null is cleared. */
export interface MailboxPatch {
  readonly path?: string;
  readonly delimiter?: string | null;
  readonly parentId?: MailboxId | null;
  readonly specialUse?: SpecialUse | null;
  readonly subscribed?: boolean;
  readonly selectable?: boolean;
}

export interface NewMessage {
  readonly data: MessageData;
  readonly remote?: RemoteRef;
  readonly modSeq?: ModSeq;
  readonly contentId?: ContentId;
  /** Found by a first synchronisation: logged, but not news. */
  readonly initial: boolean;
}

export interface NewContent {
  readonly id: ContentId;
  readonly octets: Buffer;
  readonly sha256: Buffer;
  readonly headerFields: readonly { readonly name: string; readonly value: string }[];
}

/** As much of a mirrored message as a reconciliation compares. */
export interface MirroredRef {
  readonly id: MessageId;
  readonly mailboxId: MailboxId;
  readonly remote?: RemoteRef;
  readonly flags: Flags;
  readonly modSeq?: ModSeq;
  readonly emailId?: string;
  readonly messageId?: string;
  readonly sizeBytes: number;
  readonly internalDate: Date;
}

/** What a message is recognised by where its UID says nothing. */
export interface MessageIdentity {
  readonly emailId?: string;
  readonly messageId?: string;
  readonly internalDate: Date;
}

/**
 * One transaction on the mirror of one account. It holds the account's row lock, so writers of one account queue and readers
 * of the change log see positions without gaps. Every method that changes something also writes its rows of the log.
 */
export interface MirrorTransaction {
  readonly accountId: AccountId;
  mailboxes(): Promise<readonly Mailbox[]>;
  insertMailbox(mailbox: NewMailbox): Promise<MailboxId>;
  updateMailbox(id: MailboxId, patch: MailboxPatch): Promise<void>;
  /** Its messages leave with it, each with its own row in the log. */
  removeMailbox(id: MailboxId): Promise<void>;
  /** UIDVALIDITY changed: rows lose their UID and wait to be recognised; where there were any, logs MAILBOX_RESET. */
  resetMailbox(id: MailboxId): Promise<void>;
  /** Not logged: it says how far the reading is, not what there is. */
  saveProgress(id: MailboxId, progress: SyncProgress, checkpoint?: SyncCheckpoint): Promise<void>;

  findMessages(ids: readonly MessageId[]): Promise<readonly Message[]>;
  findByUid(mailboxId: MailboxId, uidValidity: UidValidity, uids: readonly Uid[]): Promise<readonly MirroredRef[]>;
  /** Messages that wait to be read in this mailbox: moved here by a command that was not told their UID, or renumbered. */
  findUnplaced(mailboxId: MailboxId): Promise<readonly MessageId[]>;
  /** Without a UID, those that one of these may be: waiting in this mailbox, or departed from any. More than those that are. */
  findUnplacedLike(mailboxId: MailboxId, identities: readonly MessageIdentity[]): Promise<readonly MirroredRef[]>;
  /** With a UID, those that have the Message-ID of one of these, or else the EMAILID, but for views of other mailboxes (`\All` …). */
  findPlaced(identities: readonly MessageIdentity[]): Promise<readonly MirroredRef[]>;
  insertMessages(mailboxId: MailboxId, messages: readonly NewMessage[]): Promise<readonly MessageId[]>;
  /** Logs MESSAGE_UPDATED for each row that differs from what is given, and only for those. */
  updateFlags(rows: readonly { id: MessageId; flags: Flags; modSeq?: ModSeq }[]): Promise<void>;
  /** Puts messages where they are now. Logged when the mailbox differs; a UID that becomes known is not news. */
  placeMessages(rows: readonly { id: MessageId; mailboxId: MailboxId; remote?: RemoteRef }[]): Promise<void>;
  /** They are not where they were: until they are recognised anywhere or removed, they have departed. Not logged. */
  departMessages(ids: readonly MessageId[]): Promise<void>;
  /** As `departMessages`, all of a mailbox. */
  departAll(mailboxId: MailboxId): Promise<void>;
  /** As `departMessages`, those whose UID is not of the mailbox's UIDVALIDITY. */
  departForeign(mailboxId: MailboxId, uidValidity: UidValidity): Promise<void>;
  /** Removes those that have departed still. */
  removeDeparted(ids: readonly MessageId[]): Promise<void>;
  /** Removes rows, and stored octets that no other row shares. */
  removeMessages(ids: readonly MessageId[]): Promise<void>;

  /** Exact octets. */
  insertContents(contents: readonly NewContent[]): Promise<void>;

  setStatus(status: AccountStatus): Promise<void>;
  setCapabilities(capabilities: AccountCapabilities): Promise<void>;
  setPoll(poll: Pop3State): Promise<void>;
}

export interface MirrorWriteOptions {
  /** Refuse when another instance has taken the account over since. */
  readonly epoch?: bigint;
}

/** What the gateway remembers of mailboxes and messages, for both protocols. */
export interface MirrorStore {
  /** @throws MailError NOT_FOUND when the account is gone, CONFLICT when the epoch is not the account's any more */
  write<T>(accountId: AccountId, work: (tx: MirrorTransaction) => Promise<T>, options?: MirrorWriteOptions): Promise<T>;

  mailboxesOf(accountIds: readonly AccountId[]): Promise<readonly Mailbox[]>;
  findMailboxes(ids: readonly MailboxId[]): Promise<readonly Mailbox[]>;
  findMessages(ids: readonly MessageId[]): Promise<readonly Message[]>;
  /** Gone from their mailboxes, and not yet found elsewhere or removed. */
  findDeparted(accountId: AccountId): Promise<readonly MessageId[]>;
  /** From the snapshots that removals left in the log. */
  findRemovedMailboxes(ids: readonly MailboxId[]): Promise<readonly Mailbox[]>;
  findRemovedMessages(ids: readonly MessageId[]): Promise<readonly Message[]>;
  listMessages(query: MessageQuery): Promise<Page<Message>>;
  /** By their newest message, newest first. */
  listThreads(query: ThreadQuery): Promise<Page<Thread>>;
  findThreads(ids: readonly ThreadId[]): Promise<readonly Thread[]>;
  countMessages(accountIds: readonly AccountId[], filter: MessageFilter): Promise<number>;
  /** Ascending. */
  uidsOf(accountId: AccountId, mailboxId: MailboxId): Promise<readonly Uid[]>;
  /** How many those are, from the mailbox's own count. */
  countUids(accountId: AccountId, mailboxId: MailboxId): Promise<number>;
  /** Of each account the newest `most` messages that could not be read (`UNREADABLE`). */
  findUnreadable(accountIds: readonly AccountId[], most: number): Promise<readonly Message[]>;
  /** Of messages that could not be read (`UNREADABLE`); ascending. */
  unreadableUids(accountId: AccountId, mailboxId: MailboxId): Promise<readonly Uid[]>;
  /** Of the newest `among` messages of the account those on a server whose preview nobody knows, newest first. */
  findWithoutPreview(accountId: AccountId, among: number): Promise<readonly Message[]>;
  /** Not logged: it says how a message begins, not that it changed. */
  savePreviews(rows: readonly { accountId: AccountId; id: MessageId; preview: string }[]): Promise<void>;
  readContent(accountId: AccountId, contentId: ContentId): AsyncIterable<Buffer>;
  headerFieldsOf(accountId: AccountId, contentId: ContentId): Promise<readonly { name: string; value: string }[]>;
}

export const MIRROR_STORE = Symbol('MIRROR_STORE');

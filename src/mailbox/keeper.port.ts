import type { SyncCheckpoint } from './model/mailbox.js';
import type { Mailbox, SpecialUse } from './model/mailbox.js';
import type { FlagChange, Flags, Message, MessageData, Part, ReadMessage, RemoteRef } from './model/message.js';
import type { MessageId, ModSeq, Uid, UidValidity } from './model/ids.js';
import type { AccountCapabilities, MailStorage, Quota } from './model/protocol.js';
import type { PollResult } from './model/poll-result.js';
import type { HeaderCondition } from './model/search.js';

/** What became of one message of a command: each succeeds or fails by itself. */
export type Outcome<T> =
  | { readonly messageId: MessageId; readonly ok: true; readonly value: T }
  | { readonly messageId: MessageId; readonly ok: false; readonly error: Error };

export interface ConfirmedFlags {
  readonly flags: Flags;
  readonly modSeq?: ModSeq;
}

export interface AppendRequest {
  readonly sizeBytes: number;
  /** The exact octets, readable once. */
  readonly octets: Buffer;
  readonly flags: Flags;
  readonly internalDate?: Date;
}

/** Commands on messages. Each call resolves with what was confirmed; it throws only when nothing at all was done. */
export interface MessageCommands {
  setFlags(
    mailbox: Mailbox,
    messages: readonly Message[],
    change: FlagChange,
    signal: AbortSignal,
  ): Promise<readonly Outcome<ConfirmedFlags>[]>;
  /** Value: where the message is now; undefined where it has no place on a server, or the server did not say (no UIDPLUS). */
  move(
    from: Mailbox,
    messages: readonly Message[],
    to: Mailbox,
    signal: AbortSignal,
  ): Promise<readonly Outcome<RemoteRef | undefined>[]>;
  /** The copies become known by `synchronise`, or, with storage GATEWAY, by the service inserting them. */
  copy(
    from: Mailbox,
    messages: readonly Message[],
    to: Mailbox,
    signal: AbortSignal,
  ): Promise<readonly Outcome<RemoteRef | undefined>[]>;
  /** Gone for good, these messages and no others (RFC 4315 UID EXPUNGE). */
  expunge(from: Mailbox, messages: readonly Message[], signal: AbortSignal): Promise<readonly Outcome<void>[]>;
}

/** Commands on mailboxes; paths are decoded and complete. @throws MailError SERVER_REJECTED, UNSUPPORTED, CONFLICT … */
export interface MailboxCommands {
  createMailbox(path: string, signal: AbortSignal): Promise<void>;
  /** Mailboxes below it follow (RFC 9051 section 6.3.6). */
  renameMailbox(path: string, newPath: string, signal: AbortSignal): Promise<void>;
  deleteMailbox(path: string, signal: AbortSignal): Promise<void>;
  setSubscribed(path: string, subscribed: boolean, signal: AbortSignal): Promise<void>;
}

export interface PartRequest {
  readonly message: ReadMessage;
  readonly partNumber: string;
  /** Cut after so many encoded octets. */
  readonly maxBytes: number;
}

export interface FetchedPart {
  readonly messageId: MessageId;
  readonly partNumber: string;
  /** Still in its transfer encoding. */
  readonly octets: Buffer;
  readonly truncated: boolean;
}

/** A message's octets, exact and readable once. */
export interface RawMessage {
  readonly message: Message;
  readonly sizeBytes: number;
  readonly octets: Iterable<Buffer> | AsyncIterable<Buffer>;
}

/** Octets from where they live. @throws MailError NOT_FOUND when the message is gone meanwhile */
export interface ContentSource {
  /** The header block, up to and with its empty line; at most 256 KiB. */
  fetchHeader(mailbox: Mailbox, message: Message, signal: AbortSignal): Promise<Buffer>;
  /** Many parts of messages of one mailbox in as few round trips as can be. Parts that could not be had are left out. */
  fetchParts(mailbox: Mailbox, requests: readonly PartRequest[], signal: AbortSignal): Promise<readonly FetchedPart[]>;
  /** The exact RFC 5322 octets. Read to the end or `return()` it: that frees the connection behind it. */
  openRaw(mailbox: Mailbox, message: Message, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /**
   * Octets of many messages of one mailbox, in order, in as few round trips as can be and no faster than they are taken; at most
   * a few megabytes are held. Those that could not be had are left out.
   */
  openMany(mailbox: Mailbox, messages: readonly Message[], signal: AbortSignal): AsyncIterable<RawMessage>;
  /** One part, still in its transfer encoding. */
  openPart(mailbox: Mailbox, message: Message, part: Part, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
}

interface KeeperBase extends MessageCommands, MailboxCommands, ContentSource {
  /** As learnt at the last sign-in; undefined before the first. */
  readonly capabilities: AccountCapabilities | undefined;
  /** Ends every connection; idempotent; never throws. */
  close(): Promise<void>;
}

// ---------------------------------------------------------------- storage SERVER: the mirror is kept by synchronising

export interface RemoteMailbox {
  readonly path: string;
  readonly delimiter?: string;
  readonly specialUse?: SpecialUse;
  readonly subscribed: boolean;
  readonly selectable: boolean;
  /** From LIST-STATUS or STATUS, where it was to be had without extra cost. */
  readonly status?: RemoteMailboxStatus;
}

export interface RemoteMailboxStatus {
  readonly messages: number;
  readonly uidNext: number;
  readonly uidValidity: bigint;
  readonly highestModSeq?: bigint;
}

export interface RemoteMessage {
  readonly uid: Uid;
  readonly modSeq?: ModSeq;
  readonly data: MessageData;
}

export interface RemoteFlags {
  readonly uid: Uid;
  readonly flags: Flags;
  readonly modSeq?: ModSeq;
}

/** What the mirror holds of a mailbox, asked for only by the strategies that need it. */
export interface KnownMessages {
  /** Ascending. */
  uids(): Promise<readonly Uid[]>;
  /** How many those are; costs no more for many. */
  count(): Promise<number>;
  /** Of those that came as far as they could be had without being read (`UNREADABLE`). */
  unreadable(): Promise<readonly Uid[]>;
}

export interface SynchroniseRequest {
  readonly path: string;
  /** As committed with the last batch; absent before the first. */
  readonly checkpoint?: SyncCheckpoint;
  readonly known: KnownMessages;
  /** Compare UIDs and all flags whatever the watermarks say. */
  readonly full: boolean;
}

/** One step of a synchronisation, true when committed as a whole in one transaction with its checkpoint. */
export interface SyncBatch {
  /** UIDVALIDITY is not the checkpoint's: every UID known before is void. Only in a first batch. */
  readonly reset: boolean;
  /** Seen in full; may repeat what is known. */
  readonly messages: readonly RemoteMessage[];
  /** Current flags; the receiver finds out which differ. */
  readonly flags: readonly RemoteFlags[];
  readonly vanished: readonly Uid[];
  readonly checkpoint: SyncCheckpoint;
  /** Messages in the mailbox on the server at this moment. */
  readonly messagesTotal: number;
}

export type RemoteHint =
  /** Something happened in this mailbox: synchronise it. */
  | { readonly kind: 'mailbox'; readonly path: string }
  /** Mailboxes came, went or were renamed: list them. */
  | { readonly kind: 'mailboxes' }
  /** All mailboxes were asked about; whatever had happened has been said. */
  | { readonly kind: 'asked' };

/** How well a mailbox is watched. */
export interface Attention {
  /** `performance.now()` when the server last said how it stands; now, while it would say so at once. */
  readonly knownAtMs: number;
  /** The server tells what happens there, though maybe not everything. */
  readonly told: boolean;
}

export interface ServerKeeper extends KeeperBase {
  readonly storage: Extract<MailStorage, 'SERVER'>;
  /** @param wantsStatus of which the status is asked for even where each costs a round trip; of too many, not of all */
  listMailboxes(
    signal: AbortSignal,
    wantsStatus?: (mailbox: RemoteMailbox) => boolean,
  ): Promise<readonly RemoteMailbox[]>;
  /** @returns those of `uids` that are in the mailbox; undefined where UIDs mean other messages by now */
  findPresent(
    path: string,
    uidValidity: UidValidity,
    uids: readonly Uid[],
    signal: AbortSignal,
  ): Promise<readonly Uid[] | undefined>;
  /**
   * First synchronisation (newest first, in windows) or what changed since the checkpoint. The first batch of a mailbox comes
   * within one window's round trips whatever its size. Ends when everything the server had at the start has been given.
   */
  synchronise(request: SynchroniseRequest, signal: AbortSignal): AsyncIterable<SyncBatch>;
  /**
   * Watches on a connection of its own until `signal` aborts; says at once what it hears. `onReady` is called when watching has
   * begun: what changed before that moment must be synchronised, what changes after it is announced.
   * @throws MailError when the connection is lost, refused or silent
   */
  watch(onHint: (hint: RemoteHint) => void, onReady: () => void, signal: AbortSignal): Promise<void>;
  /** Starts of texts as the server makes them, of those messages of which it does (RFC 8970); none where it cannot. */
  fetchPreviews(
    mailbox: Mailbox,
    messages: readonly Message[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<MessageId, string>>;
  /** Undefined while nobody watches here. */
  attentionTo(path: string): Attention | undefined;
  /** UIDs whose header matches, by the server's own SEARCH. */
  searchHeader(mailbox: Mailbox, condition: HeaderCondition, signal: AbortSignal): Promise<readonly Uid[]>;
  /** Value: where it is now; undefined where the server does not say (no UIDPLUS). */
  append(to: Mailbox, request: AppendRequest, signal: AbortSignal): Promise<RemoteRef | undefined>;
  fetchQuota(signal: AbortSignal): Promise<readonly Quota[]>;
}

// ---------------------------------------------------------------- storage GATEWAY: the mirror is kept by downloading

export interface GatewayKeeper extends KeeperBase {
  readonly storage: Extract<MailStorage, 'GATEWAY'>;
  /**
   * One visit: sign in, list, download what is new, delete what policy says, sign out.
   * @param epoch of the lease it is made under; writes of a lease that has passed on are refused
   * @throws MailError; what was stored before stays stored, what was not will be fetched by the next visit
   */
  poll(epoch: bigint, onProgress: (done: number, total: number) => void, signal: AbortSignal): Promise<PollResult>;
}

export type Keeper = ServerKeeper | GatewayKeeper;

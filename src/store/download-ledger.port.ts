import type { AccountId, ContentId } from '../mailbox/model/ids.js';
import type { HeaderField, MessageData } from '../mailbox/model/message.js';
import type { NewContent } from './mirror.port.js';

export type LedgerState = 'STORED' | 'DELETING' | 'DELETED' | 'FAILED';

/** What is known of one message of a POP3 maildrop. */
export interface LedgerRow {
  readonly id: string;
  /** One character an octet (latin1). */
  readonly uidl: string;
  readonly state: LedgerState;
  readonly listSizeBytes?: number;
  /** Hex; absent while nothing was read. */
  readonly sha256?: string;
  /** Hex; absent where the header is no identity. */
  readonly headerSha256?: string;
  /** As the newest listing had it; false at once when the server has accepted a deletion. */
  readonly onServer: boolean;
  /** Times that reading it failed (FAILED), or that its deletion was refused or did not last. */
  readonly attempts: number;
  readonly storedAt?: Date;
  /** Of the last of those attempts. */
  readonly failedAt?: Date;
  /** The last local copy was deleted for good. */
  readonly purged: boolean;
}

/** How the ledger differs from a listing, as ids of its rows. */
export interface ListingObservations {
  /** STORED, and not listed any more. */
  readonly vanished: readonly string[];
  /** DELETING, and not listed any more. */
  readonly deleted: readonly string[];
  /** FAILED, and not listed any more. */
  readonly forgotten: readonly string[];
}

export interface Download {
  /** A new UUID. */
  readonly ledgerId: string;
  /** The row that recorded failures to read it. */
  readonly failedId?: string;
  readonly uidl: string;
  readonly listSizeBytes?: number;
  readonly sha256: string;
  readonly headerSha256?: string;
  readonly data: MessageData;
  /** Of octets that are written already. */
  readonly contentId: ContentId;
}

/** A listed message whose octets are here already, maybe under another id. */
export interface Recognised {
  readonly ledgerId: string;
  readonly uidl: string;
  readonly listSizeBytes?: number;
}

export interface ContentFacts {
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly headerFields: readonly HeaderField[];
}

export interface StoreBatch {
  readonly downloads: readonly Download[];
  readonly recognised: readonly Recognised[];
  /** Found by the first visit: not news. */
  readonly initial: boolean;
}

export interface FailedDownload {
  readonly ledgerId?: string;
  readonly uidl: string;
  readonly listSizeBytes?: number;
}

/**
 * The record of what was taken from a maildrop, and the only place where downloaded octets are stored. Each write is one
 * transaction that has reached the disk when it resolves.
 * Every write is refused with CONFLICT when the lease of `epoch` has passed to another instance.
 */
export interface DownloadLedger {
  /**
   * What is known of the account; also removes octets that a crash left half written.
   * @param listed of DELETED rows only those with one of these ids; absent: all rows
   */
  load(
    accountId: AccountId,
    epoch: bigint,
    listed?: readonly string[],
  ): Promise<{ rows: readonly LedgerRow[]; firstVisit: boolean }>;
  observe(accountId: AccountId, epoch: bigint, observations: ListingObservations): Promise<void>;
  /** Ahead of the rows that make them messages: invisible until `store` names them. */
  storeOctets(accountId: AccountId, contents: readonly NewContent[]): Promise<void>;
  /** The same of a message too large to stand in memory. */
  beginContent(accountId: AccountId): Promise<ContentId>;
  appendContent(accountId: AccountId, contentId: ContentId, seq: number, octets: Buffer): Promise<void>;
  endContent(accountId: AccountId, contentId: ContentId, facts: ContentFacts): Promise<void>;
  /** Messages in INBOX, ledger rows and log rows, all or nothing. */
  store(accountId: AccountId, epoch: bigint, batch: StoreBatch): Promise<void>;
  recordFailure(accountId: AccountId, epoch: bigint, failed: FailedDownload): Promise<void>;
  /** Rows whose octets are stored here (or were purged here): read anew, for nothing else may be deleted on a server. */
  loadDeletable(accountId: AccountId): Promise<readonly LedgerRow[]>;
  /** Before the first DELE is sent. */
  markDeleting(accountId: AccountId, epoch: bigint, ids: readonly string[]): Promise<void>;
  /** `accepted`: the server answered QUIT with +OK; `refused`: it said no to their DELE. */
  markDeleted(
    accountId: AccountId,
    epoch: bigint,
    accepted: readonly string[],
    refused: readonly string[],
  ): Promise<void>;
}

export const DOWNLOAD_LEDGER = Symbol('DOWNLOAD_LEDGER');

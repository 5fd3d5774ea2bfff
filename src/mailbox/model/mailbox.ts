import type { AccountId, MailboxId, ModSeq, UidValidity } from './ids.js';

/** RFC 6154, plus INBOX (RFC 9051 section 5.1) and Important (RFC 8457). Order is display order. */
export const SPECIAL_USES = [
  'INBOX',
  'DRAFTS',
  'SENT',
  'ARCHIVE',
  'JUNK',
  'TRASH',
  'ALL',
  'FLAGGED',
  'IMPORTANT',
] as const;
export type SpecialUse = (typeof SPECIAL_USES)[number];

/** Where synchronisation of a mailbox stands. UID and MODSEQ watermarks are separate and move only with the rows they cover. */
export interface SyncCheckpoint {
  readonly uidValidity: UidValidity;
  /** Every UID from here up has been seen; a first synchronisation lowers it window by window. 1 when it is complete. */
  readonly lowestUid: number;
  /** Every UID below has been seen (down to `lowestUid`). 1 before anything was read. */
  readonly nextUid: number;
  /** Flag changes up to here are in the mirror; absent where the server has no CONDSTORE (RFC 7162). */
  readonly highestModSeq?: ModSeq;
}

export interface SyncProgress {
  /** True once everything on the server has been seen. */
  readonly complete: boolean;
  readonly messagesTotal: number;
  readonly messagesSynced: number;
  readonly lastSyncAt?: Date;
}

export interface Mailbox {
  readonly id: MailboxId;
  readonly accountId: AccountId;
  /** Full path, decoded to Unicode, never split by hand: ask `mailbox-path.ts`. */
  readonly path: string;
  /** Absent where the account has no hierarchy. */
  readonly delimiter?: string;
  readonly parentId?: MailboxId;
  readonly specialUse?: SpecialUse;
  readonly subscribed: boolean;
  /** False for \Noselect containers (RFC 9051 section 7.3.1). */
  readonly selectable: boolean;
  readonly totalMessages: number;
  readonly unseenMessages: number;
  readonly sync: SyncProgress;
  readonly checkpoint?: SyncCheckpoint;
}

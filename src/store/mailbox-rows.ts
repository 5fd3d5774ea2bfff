import { modSeq, uidValidity, type AccountId, type MailboxId } from '../mailbox/model/ids.js';
import type { Mailbox, SpecialUse, SyncCheckpoint } from '../mailbox/model/mailbox.js';

/** A row of `mailbox`, as pg gives it or as `to_jsonb` wrote it into the log. */
export interface MailboxRow {
  account_id: string;
  id: string;
  path: string;
  delimiter: string | null;
  parent_id: string | null;
  special_use: string | null;
  subscribed: boolean;
  selectable: boolean;
  total_messages: number;
  unseen_messages: number;
  uid_validity: string | null;
  lowest_uid: string | null;
  next_uid: string | null;
  highest_mod_seq: string | null;
  sync_complete: boolean;
  sync_total: number;
  sync_synced: number;
  last_sync_at: Date | string | null;
}

// Casts to branded and union types: the columns hold only what this code has written.
export function toMailbox(row: MailboxRow): Mailbox {
  return {
    id: row.id as MailboxId,
    accountId: row.account_id as AccountId,
    path: row.path,
    delimiter: row.delimiter ?? undefined,
    parentId: (row.parent_id ?? undefined) as MailboxId | undefined,
    specialUse: (row.special_use ?? undefined) as SpecialUse | undefined,
    subscribed: row.subscribed,
    selectable: row.selectable,
    totalMessages: row.total_messages,
    unseenMessages: row.unseen_messages,
    checkpoint: toCheckpoint(row),
    sync: {
      complete: row.sync_complete,
      messagesTotal: row.sync_total,
      messagesSynced: row.sync_synced,
      lastSyncAt: row.last_sync_at === null ? undefined : new Date(row.last_sync_at),
    },
  };
}

function toCheckpoint(row: MailboxRow): SyncCheckpoint | undefined {
  if (row.uid_validity === null) return undefined;
  return {
    uidValidity: uidValidity(BigInt(row.uid_validity)),
    lowestUid: Number(row.lowest_uid),
    nextUid: Number(row.next_uid),
    highestModSeq: row.highest_mod_seq === null ? undefined : modSeq(BigInt(row.highest_mod_seq)),
  };
}

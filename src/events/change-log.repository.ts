import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Change, ChangeType } from '../mailbox/model/change.js';
import {
  changePosition,
  type AccountId,
  type ChangePosition,
  type MailboxId,
  type MessageId,
} from '../mailbox/model/ids.js';
import { select } from '../store/sql.js';

interface ChangeRow {
  position: string;
  at: Date;
  type: ChangeType;
  message_id: MessageId | null;
  mailbox_id: MailboxId | null;
  previous_mailbox_id: MailboxId | null;
  initial: boolean;
  removed_path: string | null;
}

export interface LogExtent {
  readonly accountId: AccountId;
  /** Replay is possible from here. */
  readonly trimmedTo: ChangePosition;
  readonly newest: ChangePosition;
}

@Injectable()
export class ChangeLogRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Oldest first, beginning right after `after`. */
  async read(accountId: AccountId, after: ChangePosition, limit: number): Promise<readonly Change[]> {
    const rows = await select<ChangeRow>(
      this.dataSource,
      `SELECT position, at, type, message_id, mailbox_id, previous_mailbox_id, initial, removed->>'path' AS removed_path
       FROM change WHERE account_id = $1 AND position > $2 ORDER BY position LIMIT $3`,
      [accountId, after, limit],
    );
    return rows.map((row) => toChange(accountId, row));
  }

  /** Of these accounts, or of all. */
  async extents(accountIds?: readonly AccountId[]): Promise<readonly LogExtent[]> {
    const rows = await select<{ id: AccountId; changes_trimmed_to: string; change_position: string }>(
      this.dataSource,
      `SELECT id, changes_trimmed_to, change_position FROM account WHERE $1::uuid[] IS NULL OR id = ANY ($1::uuid[])`,
      [accountIds ?? null],
    );
    return rows.map((row) => ({
      accountId: row.id,
      trimmedTo: changePosition(BigInt(row.changes_trimmed_to)),
      newest: changePosition(BigInt(row.change_position)),
    }));
  }

  /** Forgets what is older, always the oldest positions, whatever the clock did between them. */
  async trim(olderThan: Date): Promise<void> {
    await select(
      this.dataSource,
      `WITH bound AS (
         SELECT a.id, coalesce((
           SELECT c.position FROM change c WHERE c.account_id = a.id AND c.at >= $1 ORDER BY c.position LIMIT 1
         ) - 1, a.change_position) AS upto
         FROM account a
         WHERE (SELECT c.at FROM change c WHERE c.account_id = a.id ORDER BY c.position LIMIT 1) < $1
       ), gone AS (
         DELETE FROM change c USING bound b WHERE c.account_id = b.id AND c.position <= b.upto
       )
       UPDATE account a SET changes_trimmed_to = greatest(a.changes_trimmed_to, b.upto) FROM bound b WHERE a.id = b.id`,
      [olderThan],
    );
  }
}

/** Columns are as `store/change-writer.ts` writes them for each type. */
function toChange(accountId: AccountId, row: ChangeRow): Change {
  const base = { accountId, position: changePosition(BigInt(row.position)), at: row.at };
  const messageId = row.message_id!;
  const mailboxId = row.mailbox_id!;
  switch (row.type) {
    case 'MESSAGE_ADDED':
      return { ...base, type: row.type, messageId, mailboxId, initial: row.initial };
    case 'MESSAGE_UPDATED':
      return { ...base, type: row.type, messageId, mailboxId, previousMailboxId: row.previous_mailbox_id ?? undefined };
    case 'MESSAGE_REMOVED':
      return { ...base, type: row.type, messageId, mailboxId };
    case 'MAILBOX_ADDED':
    case 'MAILBOX_UPDATED':
    case 'MAILBOX_RESET':
      return { ...base, type: row.type, mailboxId };
    case 'MAILBOX_REMOVED':
      return { ...base, type: row.type, mailboxId, path: row.removed_path! };
    case 'ACCOUNT_STATUS_CHANGED':
      return { ...base, type: row.type };
    default:
      throw new Error(`unknown change type: ${String(row.type satisfies never)}`);
  }
}

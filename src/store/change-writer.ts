import type { EntityManager } from 'typeorm';
import type { AccountId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import type { ChangeType } from '../mailbox/model/change.js';
import type { RowOf } from './copy-rows.js';
import { copyIn } from './copy.js';
import { select } from './sql.js';

/** Channel on which instances hear of new log rows; the payload is `accountId:position`. */
export const CHANGE_CHANNEL = 'mailroom_change';

const CHANGE_COLUMNS = {
  account_id: 'uuid',
  position: 'bigint',
  at: 'timestamptz',
  type: 'text',
  message_id: 'uuid',
  mailbox_id: 'uuid',
  previous_mailbox_id: 'uuid',
  initial: 'boolean',
  removed: 'jsonb',
} as const;

interface ChangeRow {
  readonly type: ChangeType;
  readonly message_id?: MessageId;
  readonly mailbox_id?: MailboxId;
  readonly previous_mailbox_id?: MailboxId;
  readonly initial?: boolean;
  readonly removed?: unknown;
}

export interface RemovedMessage {
  readonly message_id: MessageId;
  readonly mailbox_id: MailboxId;
  readonly seen: boolean;
  readonly content_id: string | null;
}

/**
 * Appends to one account's change log inside a transaction that holds the account's row, so positions have no gaps and become
 * visible in order.
 */
export class ChangeWriter {
  private readonly buffered: ChangeRow[] = [];
  private wake = false;

  constructor(
    private readonly manager: EntityManager,
    private readonly accountId: AccountId,
    private position: bigint,
    private readonly at: Date,
  ) {}

  add(row: ChangeRow): void {
    this.buffered.push(row);
  }

  /** Deletes messages and logs each with what it was, without carrying the rows through this process. */
  async removeMessages(where: string, parameters: readonly (string | readonly string[])[]): Promise<RemovedMessage[]> {
    await this.flush();
    const removed = await select<RemovedMessage>(
      this.manager,
      `WITH gone AS (DELETE FROM message WHERE account_id = $1 AND ${where} RETURNING *)
       INSERT INTO change (account_id, position, at, type, message_id, mailbox_id, removed)
       SELECT account_id, $2 + row_number() OVER (), $3, 'MESSAGE_REMOVED', id, mailbox_id, to_jsonb(gone) FROM gone
       RETURNING message_id, mailbox_id, (removed->>'seen')::boolean AS seen, removed->>'content_id' AS content_id`,
      [this.accountId, this.position, this.at, ...parameters],
    );
    this.position += BigInt(removed.length);
    return removed;
  }

  /** Something that is not logged has changed: readers look again. */
  wakeReaders(): void {
    this.wake = true;
  }

  /** Writes what is buffered, moves the account's position and wakes the readers when the transaction commits. */
  async finish(before: bigint): Promise<void> {
    await this.flush();
    if (this.position === before && !this.wake) return;
    await select(
      this.manager,
      `WITH moved AS (UPDATE account SET change_position = $2 WHERE id = $1 AND change_position <> $2)
       SELECT pg_notify($3, $4)`,
      [this.accountId, this.position, CHANGE_CHANNEL, `${this.accountId}:${this.position}`],
    );
  }

  private async flush(): Promise<void> {
    const rows = this.buffered.splice(0);
    if (rows.length === 0) return;
    await copyIn(this.manager.queryRunner!, 'change', CHANGE_COLUMNS, this.numbered(rows));
  }

  private *numbered(rows: readonly ChangeRow[]): Generator<RowOf<typeof CHANGE_COLUMNS>> {
    const { accountId, at } = this;
    for (const row of rows) {
      this.position += 1n;
      // Each by name: a first synchronisation logs every message, and objects made of others are slow.
      yield {
        account_id: accountId,
        position: this.position,
        at,
        type: row.type,
        message_id: row.message_id,
        mailbox_id: row.mailbox_id,
        previous_mailbox_id: row.previous_mailbox_id,
        initial: row.initial ?? false,
        removed: row.removed,
      };
    }
  }
}

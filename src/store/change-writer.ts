import type { EntityManager } from 'typeorm';
import type { AccountId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import type { ChangeType } from '../mailbox/model/change.js';
import { select } from './sql.js';

/** Channel on which instances hear of new log rows; the payload is `accountId:position`. */
export const CHANGE_CHANNEL = 'mailroom_change';

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
    if (this.position !== before) {
      const sql = 'UPDATE account SET change_position = $2 WHERE id = $1';
      await select(this.manager, sql, [this.accountId, this.position]);
    } else if (!this.wake) return;
    await select(this.manager, 'SELECT pg_notify($1, $2)', [CHANGE_CHANNEL, `${this.accountId}:${this.position}`]);
  }

  private async flush(): Promise<void> {
    const rows = this.buffered.splice(0);
    if (rows.length === 0) return;
    await select(
      this.manager,
      `INSERT INTO change (account_id, position, at, type, message_id, mailbox_id, previous_mailbox_id, initial, removed)
       SELECT $1, $2 + n, $3, r->>'type', (r->>'message_id')::uuid, (r->>'mailbox_id')::uuid,
         (r->>'previous_mailbox_id')::uuid, coalesce((r->>'initial')::boolean, false), r->'removed'
       FROM jsonb_array_elements($4::jsonb) WITH ORDINALITY AS e (r, n)`,
      [this.accountId, this.position, this.at, JSON.stringify(rows)],
    );
    this.position += BigInt(rows.length);
  }
}

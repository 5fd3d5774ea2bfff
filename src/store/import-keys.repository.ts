import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import type { ImportKeys } from './import-keys.port.js';
import { select } from './sql.js';

interface KeyRow {
  sha256: Buffer;
  mailbox_id: MailboxId;
  message_id: MessageId | null;
}

@Injectable()
export class ImportKeysRepository implements ImportKeys {
  constructor(private readonly dataSource: DataSource) {}

  async claim(
    accountId: AccountId,
    mailboxId: MailboxId,
    key: string,
    sha256: Buffer,
  ): Promise<MessageId | 'first' | 'again'> {
    const inserted = await select(
      this.dataSource,
      `INSERT INTO import_key (account_id, key, sha256, mailbox_id, created_at) VALUES ($1, $2, $3, $4, now())
       ON CONFLICT DO NOTHING RETURNING key`,
      [accountId, key, sha256, mailboxId],
    );
    if (inserted.length > 0) return 'first';
    const [row] = await select<KeyRow>(
      this.dataSource,
      'SELECT sha256, mailbox_id, message_id FROM import_key WHERE account_id = $1 AND key = $2',
      [accountId, key],
    );
    if (!row || !row.sha256.equals(sha256) || row.mailbox_id !== mailboxId) {
      throw new MailError('CONFLICT', 'this idempotencyKey was used for another message or mailbox', {
        field: ['input', 'idempotencyKey'],
      });
    }
    return row.message_id ?? 'again';
  }

  async settle(accountId: AccountId, key: string, messageId: MessageId): Promise<void> {
    const sql = 'UPDATE import_key SET message_id = $3 WHERE account_id = $1 AND key = $2';
    await select(this.dataSource, sql, [accountId, key, messageId]);
  }

  async forget(accountId: AccountId, key: string): Promise<void> {
    const sql = 'DELETE FROM import_key WHERE account_id = $1 AND key = $2 AND message_id IS NULL';
    await select(this.dataSource, sql, [accountId, key]);
  }
}

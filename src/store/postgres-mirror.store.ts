import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AccountId, ContentId, MailboxId, MessageId, ThreadId, Uid } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { Message } from '../mailbox/model/message.js';
import type { MessageFilter, Page } from '../mailbox/model/search.js';
import type { Thread } from '../mailbox/model/thread.js';
import { toMailbox, type MailboxRow } from './mailbox-rows.js';
import { countMessages, listMessages } from './message-list.js';
import { findDeparted } from './message-recognition.js';
import { MESSAGE_COLUMNS, toMessage, UNREADABLE_ROWS, type MessageRow } from './message-rows.js';
import type { MessageQuery, MirrorStore, MirrorTransaction, MirrorWriteOptions, ThreadQuery } from './mirror.port.js';
import { PostgresMirrorTransaction } from './postgres-mirror-transaction.js';
import { readPieces } from './read-pieces.js';
import { jsonText, select } from './sql.js';
import { TableStatistics } from './table-statistics.js';
import { findThreads, listThreads } from './threads.js';

@Injectable()
export class PostgresMirrorStore implements MirrorStore {
  private readonly statistics: TableStatistics;

  constructor(private readonly dataSource: DataSource) {
    this.statistics = new TableStatistics(dataSource);
  }

  async write<T>(
    accountId: AccountId,
    work: (tx: MirrorTransaction) => Promise<T>,
    { epoch }: MirrorWriteOptions = {},
  ): Promise<T> {
    const [result, inserted] = await this.dataSource.transaction(async (manager) => {
      const tx = await PostgresMirrorTransaction.begin(manager, accountId, epoch);
      const value = await work(tx);
      await tx.finish();
      return [value, tx.insertedMessages] as const;
    });
    this.statistics.added(inserted);
    return result;
  }

  async mailboxesOf(accountIds: readonly AccountId[]): Promise<readonly Mailbox[]> {
    return this.mailboxes('account_id', accountIds);
  }

  async findMailboxes(ids: readonly MailboxId[]): Promise<readonly Mailbox[]> {
    return this.mailboxes('id', ids);
  }

  private async mailboxes(column: 'id' | 'account_id', ids: readonly string[]): Promise<readonly Mailbox[]> {
    const sql = `SELECT * FROM mailbox WHERE ${column} = ANY ($1::uuid[])`;
    return (await select<MailboxRow>(this.dataSource, sql, [ids])).map(toMailbox);
  }

  async findMessages(ids: readonly MessageId[]): Promise<readonly Message[]> {
    const sql = `SELECT ${MESSAGE_COLUMNS} FROM message m WHERE m.id = ANY ($1::uuid[])`;
    return (await select<MessageRow>(this.dataSource, sql, [ids])).map(toMessage);
  }

  findDeparted(accountId: AccountId): Promise<readonly MessageId[]> {
    return findDeparted(this.dataSource, accountId);
  }

  async findRemovedMailboxes(ids: readonly MailboxId[]): Promise<readonly Mailbox[]> {
    const sql = `SELECT removed FROM change WHERE mailbox_id = ANY ($1::uuid[]) AND type = 'MAILBOX_REMOVED'`;
    return (await select<{ removed: MailboxRow }>(this.dataSource, sql, [ids])).map((row) => toMailbox(row.removed));
  }

  async findRemovedMessages(ids: readonly MessageId[]): Promise<readonly Message[]> {
    const sql = `SELECT removed FROM change WHERE message_id = ANY ($1::uuid[]) AND type = 'MESSAGE_REMOVED'`;
    return (await select<{ removed: MessageRow }>(this.dataSource, sql, [ids])).map((row) => toMessage(row.removed));
  }

  listMessages(query: MessageQuery): Promise<Page<Message>> {
    return listMessages(this.dataSource, query);
  }

  listThreads(query: ThreadQuery): Promise<Page<Thread>> {
    return listThreads(this.dataSource, query);
  }

  findThreads(ids: readonly ThreadId[]): Promise<readonly Thread[]> {
    return findThreads(this.dataSource, ids);
  }

  countMessages(accountIds: readonly AccountId[], filter: MessageFilter): Promise<number> {
    return countMessages(this.dataSource, accountIds, filter);
  }

  uidsOf(accountId: AccountId, mailboxId: MailboxId): Promise<readonly Uid[]> {
    return this.uids(accountId, mailboxId, 'uid IS NOT NULL');
  }

  unreadableUids(accountId: AccountId, mailboxId: MailboxId): Promise<readonly Uid[]> {
    return this.uids(accountId, mailboxId, `uid IS NOT NULL AND ${UNREADABLE_ROWS}`);
  }

  private async uids(accountId: AccountId, mailboxId: MailboxId, condition: string): Promise<readonly Uid[]> {
    const sql = `SELECT uid FROM message WHERE account_id = $1 AND mailbox_id = $2 AND ${condition} ORDER BY uid`;
    const rows = await select<{ uid: string }>(this.dataSource, sql, [accountId, mailboxId]);
    return rows.map((row) => Number(row.uid) as Uid);
  }

  async findUnreadable(accountIds: readonly AccountId[], most: number): Promise<readonly Message[]> {
    const sql = `SELECT ${MESSAGE_COLUMNS} FROM unnest($1::uuid[]) AS a (id) CROSS JOIN LATERAL (
        SELECT * FROM message WHERE account_id = a.id AND ${UNREADABLE_ROWS} ORDER BY received_at DESC, id DESC LIMIT $2
      ) m ORDER BY m.received_at DESC, m.id DESC`;
    return (await select<MessageRow>(this.dataSource, sql, [accountIds, most])).map(toMessage);
  }

  async countUids(accountId: AccountId, mailboxId: MailboxId): Promise<number> {
    const sql = `SELECT total_messages - (SELECT count(*) FROM message m
        WHERE m.account_id = b.account_id AND m.mailbox_id = b.id AND m.uid IS NULL AND m.content_id IS NULL) AS count
      FROM mailbox b WHERE b.account_id = $1 AND b.id = $2`;
    const [row] = await select<{ count: string }>(this.dataSource, sql, [accountId, mailboxId]);
    return Number(row?.count ?? 0);
  }

  async findWithoutPreview(accountId: AccountId, among: number): Promise<readonly Message[]> {
    const sql = `SELECT ${MESSAGE_COLUMNS} FROM (
        SELECT * FROM message WHERE account_id = $1 ORDER BY received_at DESC, id DESC LIMIT $2
      ) m WHERE m.preview IS NULL AND m.uid IS NOT NULL ORDER BY m.received_at DESC, m.id DESC`;
    return (await select<MessageRow>(this.dataSource, sql, [accountId, among])).map(toMessage);
  }

  async savePreviews(rows: readonly { accountId: AccountId; id: MessageId; preview: string }[]): Promise<void> {
    await select(
      this.dataSource,
      `UPDATE message m SET preview = r.preview
       FROM jsonb_to_recordset($1::jsonb) AS r ("accountId" uuid, id uuid, preview text)
       WHERE m.account_id = r."accountId" AND m.id = r.id`,
      [jsonText(rows)],
    );
  }

  readContent(accountId: AccountId, contentId: ContentId): AsyncIterable<Buffer> {
    return readPieces(this.dataSource, accountId, contentId);
  }

  async headerFieldsOf(
    accountId: AccountId,
    contentId: ContentId,
  ): Promise<readonly { name: string; value: string }[]> {
    const [row] = await select<{ header_fields: { name: string; value: string }[] }>(
      this.dataSource,
      'SELECT header_fields FROM content WHERE account_id = $1 AND id = $2',
      [accountId, contentId],
    );
    return row?.header_fields ?? [];
  }
}

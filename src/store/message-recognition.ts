import type { DataSource, EntityManager } from 'typeorm';
import type { AccountId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import { storableText } from '../mime/clean-text.js';
import { REF_COLUMNS, toMirroredRef, type RefRow } from './message-rows.js';
import type { MessageIdentity, MirroredRef } from './mirror.port.js';
import { select } from './sql.js';

/**
 * Rows that messages without a known UID may be. Each statement goes by an index; what is found is compared by the caller.
 *
 * A row of a mail server's message without a UID waits to be read in its own mailbox, or, where it has a UIDVALIDITY still, has
 * departed from there: it may be in any.
 */

export async function findUnplaced(
  manager: EntityManager,
  accountId: AccountId,
  mailboxId: MailboxId,
): Promise<readonly MessageId[]> {
  const rows = await select<{ id: MessageId }>(
    manager,
    `SELECT id FROM message
     WHERE account_id = $1 AND mailbox_id = $2 AND uid IS NULL AND uid_validity IS NULL AND content_id IS NULL`,
    [accountId, mailboxId],
  );
  return rows.map(({ id }) => id);
}

export async function findDeparted(database: DataSource, accountId: AccountId): Promise<readonly MessageId[]> {
  const rows = await select<{ id: MessageId }>(
    database,
    'SELECT id FROM message WHERE account_id = $1 AND uid IS NULL AND uid_validity IS NOT NULL AND content_id IS NULL',
    [accountId],
  );
  return rows.map(({ id }) => id);
}

export async function findUnplacedLike(
  manager: EntityManager,
  accountId: AccountId,
  mailboxId: MailboxId,
  identities: readonly MessageIdentity[],
): Promise<readonly MirroredRef[]> {
  // Almost always there is none, and a question with two thousand dates in it takes long to be asked.
  if (identities.length === 0 || !(await hasUnplaced(manager, accountId))) return [];
  const rows = await select<RefRow>(
    manager,
    `SELECT ${REF_COLUMNS} FROM message
     WHERE account_id = $1 AND uid IS NULL AND content_id IS NULL
       AND (mailbox_id = $2 OR uid_validity IS NOT NULL)
       AND (received_at = ANY ($3::timestamptz[]) OR email_id = ANY ($4::text[]))
     ORDER BY id`,
    [
      accountId,
      mailboxId,
      [...new Set(identities.map(({ internalDate }) => internalDate.toISOString()))],
      identities.flatMap(({ emailId }) => emailId ?? []).map(storableText),
    ],
  );
  return rows.map(toMirroredRef);
}

async function hasUnplaced(manager: EntityManager, accountId: AccountId): Promise<boolean> {
  const sql = 'SELECT FROM message WHERE account_id = $1 AND uid IS NULL AND content_id IS NULL LIMIT 1';
  return (await select(manager, sql, [accountId])).length > 0;
}

export async function findPlaced(
  manager: EntityManager,
  accountId: AccountId,
  identities: readonly MessageIdentity[],
): Promise<readonly MirroredRef[]> {
  const messageIds = identities.flatMap(({ messageId }) => messageId ?? []).map(storableText);
  const unnamed = identities.filter(({ messageId }) => messageId === undefined);
  const emailIds = unnamed.flatMap(({ emailId }) => emailId ?? []).map(storableText);
  if (messageIds.length + emailIds.length === 0) return [];
  const rows = await select<RefRow>(
    manager,
    `SELECT ${REF_COLUMNS} FROM message m
     WHERE account_id = $1 AND uid IS NOT NULL
       AND (message_id = ANY ($2::text[]) OR (message_id IS NULL AND email_id = ANY ($3::text[])))
       AND NOT EXISTS (
         SELECT FROM mailbox b WHERE b.account_id = m.account_id AND b.id = m.mailbox_id
           AND b.special_use IN ('ALL', 'FLAGGED', 'IMPORTANT')
       )
     ORDER BY id`,
    [accountId, messageIds, emailIds],
  );
  return rows.map(toMirroredRef);
}

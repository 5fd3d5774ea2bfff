import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { uuidV7 } from '../common/uuid.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, ContentId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import { insertContents, insertPiece } from './contents.js';
import type {
  ContentFacts,
  Download,
  DownloadLedger,
  FailedDownload,
  LedgerRow,
  LedgerState,
  ListingObservations,
  Recognised,
  StoreBatch,
} from './download-ledger.port.js';
import type { NewContent } from './mirror.port.js';
import { PostgresMirrorTransaction } from './postgres-mirror-transaction.js';
import { jsonText, select, type Parameter } from './sql.js';

interface UidlRow {
  id: string;
  uidl: Buffer;
  state: LedgerState;
  list_size: string | null;
  raw_sha256: Buffer | null;
  header_sha256: Buffer | null;
  on_server: boolean;
  attempts: number;
  stored_at: Date | null;
  failed_at: Date | null;
  purged_at: Date | null;
}

const COLUMNS =
  'id, uidl, state, list_size, raw_sha256, header_sha256, on_server, attempts, stored_at, failed_at, purged_at';

@Injectable()
export class PostgresDownloadLedger implements DownloadLedger {
  constructor(private readonly dataSource: DataSource) {}

  async load(
    accountId: AccountId,
    epoch: bigint,
    listed?: readonly string[],
  ): Promise<{ rows: readonly LedgerRow[]; firstVisit: boolean }> {
    await this.write(accountId, epoch, removeHalfWritten);
    const ids = listed?.map((uidl) => Buffer.from(uidl, 'latin1'));
    const rows = await this.rows<UidlRow>(
      ids
        ? `SELECT ${COLUMNS} FROM uidl WHERE account_id = $1 AND (state <> 'DELETED' OR uidl = ANY ($2::bytea[]))`
        : `SELECT ${COLUMNS} FROM uidl WHERE account_id = $1`,
      accountId,
      ...(ids ? [ids] : []),
    );
    const [account] = await this.rows<{ first: boolean }>(
      'SELECT last_poll_at IS NULL AS first FROM account WHERE id = $1',
      accountId,
    );
    return { rows: rows.map(toLedgerRow), firstVisit: account?.first ?? true };
  }

  async observe(accountId: AccountId, epoch: bigint, seen: ListingObservations): Promise<void> {
    if (Object.values(seen).every((ids: readonly string[]) => ids.length === 0)) return;
    await this.write(accountId, epoch, async (tx) => {
      await update(tx, 'on_server = false', seen.vanished);
      await update(tx, `state = 'DELETED', on_server = false`, seen.deleted);
      await forget(tx, seen.forgotten);
    });
  }

  async store(accountId: AccountId, epoch: bigint, { downloads, recognised, initial }: StoreBatch): Promise<void> {
    await this.write(accountId, epoch, async (tx) => {
      const inbox = (await tx.mailboxes()).find(({ specialUse }) => specialUse === 'INBOX');
      if (!inbox) throw new MailError('INTERNAL', 'the account has no INBOX');
      if (downloads.length > 0) await insertDownloads(tx, inbox.id, downloads, initial);
      if (recognised.length > 0) await updateRecognised(tx, recognised);
    });
  }

  storeOctets(accountId: AccountId, contents: readonly NewContent[]): Promise<void> {
    return insertContents(this.dataSource, accountId, contents);
  }

  async beginContent(accountId: AccountId): Promise<ContentId> {
    const id = uuidV7() as ContentId;
    await this.rows(`INSERT INTO content (account_id, id, size_bytes, sha256) VALUES ($1, $2, 0, '')`, accountId, id);
    return id;
  }

  appendContent(accountId: AccountId, contentId: ContentId, seq: number, octets: Buffer): Promise<void> {
    return insertPiece(this.dataSource, accountId, contentId, seq, octets);
  }

  async endContent(accountId: AccountId, contentId: ContentId, facts: ContentFacts): Promise<void> {
    const { sizeBytes, sha256, headerFields } = facts;
    await this.rows(
      'UPDATE content SET size_bytes = $3, sha256 = $4, header_fields = $5 WHERE account_id = $1 AND id = $2',
      accountId,
      contentId,
      sizeBytes,
      Buffer.from(sha256, 'hex'),
      jsonText(headerFields),
    );
  }

  async recordFailure(accountId: AccountId, epoch: bigint, failed: FailedDownload): Promise<void> {
    await this.write(accountId, epoch, async ({ manager }) => {
      await select(
        manager,
        `INSERT INTO uidl (account_id, id, uidl, state, list_size, on_server, attempts, failed_at)
         VALUES ($1, $2, $3, 'FAILED', $4, true, 1, now())
         ON CONFLICT (account_id, id) DO UPDATE SET attempts = uidl.attempts + 1, failed_at = now()`,
        [accountId, failed.ledgerId ?? uuidV7(), Buffer.from(failed.uidl, 'latin1'), failed.listSizeBytes],
      );
    });
  }

  async loadDeletable(accountId: AccountId): Promise<readonly LedgerRow[]> {
    const rows = await this.rows<UidlRow>(
      `SELECT ${COLUMNS} FROM uidl u WHERE account_id = $1 AND state IN ('STORED', 'DELETING')
       AND (purged_at IS NOT NULL OR EXISTS (
         SELECT FROM content_chunk c WHERE c.account_id = u.account_id AND c.content_id = u.content_id AND c.seq = 0))`,
      accountId,
    );
    return rows.map(toLedgerRow);
  }

  async markDeleting(accountId: AccountId, epoch: bigint, ids: readonly string[]): Promise<void> {
    await this.write(accountId, epoch, (tx) => update(tx, `state = 'DELETING'`, ids));
  }

  async markDeleted(
    accountId: AccountId,
    epoch: bigint,
    accepted: readonly string[],
    refused: readonly string[],
  ): Promise<void> {
    await this.write(accountId, epoch, async (tx) => {
      await update(tx, 'on_server = false', accepted);
      await update(tx, `state = 'STORED', attempts = attempts + 1, failed_at = now()`, refused);
    });
  }

  private write(
    accountId: AccountId,
    epoch: bigint,
    work: (tx: PostgresMirrorTransaction) => Promise<void>,
  ): Promise<void> {
    return this.dataSource.transaction(async (manager) => {
      const tx = await PostgresMirrorTransaction.begin(manager, accountId, epoch);
      await work(tx);
      await tx.finish();
    });
  }

  private rows<Row>(sql: string, ...parameters: readonly Parameter[]): Promise<Row[]> {
    return select<Row>(this.dataSource, sql, parameters);
  }
}

const toLedgerRow = (row: UidlRow): LedgerRow => ({
  id: row.id,
  uidl: row.uidl.toString('latin1'),
  state: row.state,
  listSizeBytes: row.list_size === null ? undefined : Number(row.list_size),
  sha256: row.raw_sha256?.toString('hex'),
  headerSha256: row.header_sha256?.toString('hex'),
  onServer: row.on_server,
  attempts: row.attempts,
  storedAt: row.stored_at ?? undefined,
  failedAt: row.failed_at ?? undefined,
  purged: row.purged_at !== null,
});

async function update(
  { manager, accountId }: PostgresMirrorTransaction,
  columns: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await select(manager, `UPDATE uidl SET ${columns} WHERE account_id = $1 AND id = ANY ($2::uuid[])`, [accountId, ids]);
}

async function forget({ manager, accountId }: PostgresMirrorTransaction, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await select(manager, 'DELETE FROM uidl WHERE account_id = $1 AND id = ANY ($2::uuid[])', [accountId, ids]);
}

/** Octets of large messages whose download was cut off: their batch never came. */
async function removeHalfWritten({ manager, accountId }: PostgresMirrorTransaction): Promise<void> {
  await select(
    manager,
    `DELETE FROM content c WHERE c.account_id = $1
     AND NOT EXISTS (SELECT FROM message m WHERE m.account_id = c.account_id AND m.content_id = c.id)`,
    [accountId],
  );
}

async function insertDownloads(
  tx: PostgresMirrorTransaction,
  inbox: MailboxId,
  downloads: readonly Download[],
  initial: boolean,
): Promise<void> {
  const messages = downloads.map(({ data, contentId }) => ({ data, contentId, initial }));
  await insertLedgerRows(tx, downloads, await tx.insertMessages(inbox, messages));
}

async function insertLedgerRows(
  tx: PostgresMirrorTransaction,
  downloads: readonly Download[],
  messageIds: readonly MessageId[],
): Promise<void> {
  await forget(
    tx,
    downloads.flatMap(({ failedId }) => failedId ?? []),
  );
  await select(
    tx.manager,
    `INSERT INTO uidl
       (account_id, id, uidl, list_size, raw_sha256, header_sha256, content_id, message_id, state, on_server, stored_at)
     SELECT $1, *, 'STORED', true, now()
     FROM unnest($2::uuid[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[], $7::uuid[], $8::uuid[])`,
    [
      tx.accountId,
      downloads.map(({ ledgerId }) => ledgerId),
      downloads.map(({ uidl }) => Buffer.from(uidl, 'latin1')),
      downloads.map(({ listSizeBytes }) => listSizeBytes ?? null),
      downloads.map(({ sha256 }) => Buffer.from(sha256, 'hex')),
      downloads.map(({ headerSha256 }) => (headerSha256 === undefined ? null : Buffer.from(headerSha256, 'hex'))),
      downloads.map(({ contentId }) => contentId),
      messageIds,
    ],
  );
}

/**
 * Id and size may be new, the message is the old one: it is on the server, and what was decided about it before is decided anew.
 * Where that was a deletion which the server had accepted, it did not last.
 */
async function updateRecognised(
  { manager, accountId }: PostgresMirrorTransaction,
  recognised: readonly Recognised[],
): Promise<void> {
  await select(
    manager,
    `UPDATE uidl u SET uidl = r.uidl, list_size = r.list_size, state = 'STORED', on_server = true,
       attempts = u.attempts + (u.state <> 'STORED' AND NOT u.on_server)::integer,
       failed_at = CASE WHEN u.state <> 'STORED' AND NOT u.on_server THEN now() ELSE u.failed_at END
     FROM unnest($2::uuid[], $3::bytea[], $4::bigint[]) AS r (id, uidl, list_size)
     WHERE u.account_id = $1 AND u.id = r.id`,
    [
      accountId,
      recognised.map(({ ledgerId }) => ledgerId),
      recognised.map(({ uidl }) => Buffer.from(uidl, 'latin1')),
      recognised.map(({ listSizeBytes }) => listSizeBytes ?? null),
    ],
  );
}

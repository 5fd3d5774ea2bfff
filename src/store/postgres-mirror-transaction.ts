import type { EntityManager } from 'typeorm';
import type { AccountStatus, Pop3State } from '../accounts/account.js';
import { uuidV7 } from '../common/uuid.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId, MessageId, ModSeq, Uid, UidValidity } from '../mailbox/model/ids.js';
import type { Mailbox, SyncCheckpoint, SyncProgress } from '../mailbox/model/mailbox.js';
import type { Flags, Message, RemoteRef } from '../mailbox/model/message.js';
import type { AccountCapabilities } from '../mailbox/model/protocol.js';
import { ChangeWriter, type RemovedMessage } from './change-writer.js';
import { insertContents } from './contents.js';
import { copyIn } from './copy.js';
import { toMailbox, type MailboxRow } from './mailbox-rows.js';
import { findPlaced, findUnplaced, findUnplacedLike } from './message-recognition.js';
import {
  INSERT_COLUMNS,
  MESSAGE_COLUMNS,
  REF_COLUMNS,
  toInsertRow,
  toMessage,
  toMirroredRef,
  type MessageRow,
  type RefRow,
} from './message-rows.js';
import type {
  MailboxPatch,
  MessageIdentity,
  MirroredRef,
  MirrorTransaction,
  NewContent,
  NewMailbox,
  NewMessage,
} from './mirror.port.js';
import { storableText } from '../mime/clean-text.js';
import { jsonText, select, type Parameter } from './sql.js';

interface PlacedRow {
  readonly id: MessageId;
  readonly was: MailboxId;
  readonly now: MailboxId;
  readonly seen: boolean;
}

export class PostgresMirrorTransaction implements MirrorTransaction {
  /** So far; the planner wants to know when many were. */
  insertedMessages = 0;

  private constructor(
    readonly manager: EntityManager,
    readonly accountId: AccountId,
    private readonly startPosition: bigint,
    private readonly changes: ChangeWriter,
  ) {}

  /** Locks the account's row; readers and foreign keys are not in its way (FOR NO KEY UPDATE). */
  static async begin(manager: EntityManager, accountId: AccountId, epoch?: bigint): Promise<PostgresMirrorTransaction> {
    const [row] = await select<{ change_position: string; epoch: string }>(
      manager,
      'SELECT change_position, epoch FROM account WHERE id = $1 FOR NO KEY UPDATE',
      [accountId],
    );
    if (!row) throw new MailError('NOT_FOUND', 'no such account');
    if (epoch !== undefined && BigInt(row.epoch) !== epoch) {
      throw new MailError('CONFLICT', 'another instance has taken this account over');
    }
    const position = BigInt(row.change_position);
    const changes = new ChangeWriter(manager, accountId, position, new Date());
    return new PostgresMirrorTransaction(manager, accountId, position, changes);
  }

  async finish(): Promise<void> {
    await this.changes.finish(this.startPosition);
  }

  // ---------------------------------------------------------------- mailboxes

  async mailboxes(): Promise<readonly Mailbox[]> {
    return (await this.rows<MailboxRow>('SELECT * FROM mailbox WHERE account_id = $1')).map(toMailbox);
  }

  async insertMailbox(mailbox: NewMailbox): Promise<MailboxId> {
    const id = uuidV7() as MailboxId;
    await this.rows(
      `INSERT INTO mailbox (account_id, id, path, delimiter, parent_id, special_use, subscribed, selectable, sync_complete)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      id,
      storableText(mailbox.path),
      mailbox.delimiter,
      mailbox.parentId,
      mailbox.specialUse,
      mailbox.subscribed,
      mailbox.selectable,
      mailbox.complete,
    );
    this.changes.add({ type: 'MAILBOX_ADDED', mailbox_id: id });
    return id;
  }

  async updateMailbox(id: MailboxId, patch: MailboxPatch): Promise<void> {
    const columns: Record<string, Parameter> = {
      path: patch.path,
      delimiter: patch.delimiter,
      parent_id: patch.parentId,
      special_use: patch.specialUse,
      subscribed: patch.subscribed,
      selectable: patch.selectable,
    };
    const set = Object.entries(columns).filter(([, value]) => value !== undefined);
    if (set.length === 0) return;
    await this.rows(
      `UPDATE mailbox SET ${set.map(([name], i) => `${name} = $${i + 3}`).join(', ')} WHERE account_id = $1 AND id = $2`,
      id,
      ...set.map(([, value]) => value),
    );
    this.changes.add({ type: 'MAILBOX_UPDATED', mailbox_id: id });
  }

  async removeMailbox(id: MailboxId): Promise<void> {
    await this.dropContent(await this.changes.removeMessages('mailbox_id = $4', [id]));
    const [row] = await this.rows<MailboxRow>('DELETE FROM mailbox WHERE account_id = $1 AND id = $2 RETURNING *', id);
    if (row) this.changes.add({ type: 'MAILBOX_REMOVED', mailbox_id: id, removed: row });
  }

  async resetMailbox(id: MailboxId): Promise<void> {
    const [reset] = await this.rows<{ count: string }>(
      `WITH reset AS (
         UPDATE message SET uid = NULL, uid_validity = NULL, mod_seq = NULL
         WHERE account_id = $1 AND mailbox_id = $2 AND uid IS NOT NULL RETURNING 1
       )
       SELECT count(*) FROM reset`,
      id,
    );
    if (Number(reset?.count) > 0) this.changes.add({ type: 'MAILBOX_RESET', mailbox_id: id });
  }

  async saveProgress(id: MailboxId, progress: SyncProgress, checkpoint?: SyncCheckpoint): Promise<void> {
    const watermarks = checkpoint ? ', uid_validity = $7, lowest_uid = $8, next_uid = $9, highest_mod_seq = $10' : '';
    await this.rows(
      `UPDATE mailbox SET sync_complete = $3, sync_total = $4, sync_synced = $5, last_sync_at = $6${watermarks}
       WHERE account_id = $1 AND id = $2`,
      id,
      progress.complete,
      progress.messagesTotal,
      progress.messagesSynced,
      progress.lastSyncAt,
      ...(checkpoint
        ? [checkpoint.uidValidity, checkpoint.lowestUid, checkpoint.nextUid, checkpoint.highestModSeq]
        : []),
    );
    this.changes.wakeReaders();
  }

  private async addToCounts(counts: ReadonlyMap<MailboxId, { total: number; unseen: number }>): Promise<void> {
    for (const [id, { total, unseen }] of counts) {
      await this.rows(
        `UPDATE mailbox SET total_messages = total_messages + $3, unseen_messages = unseen_messages + $4
         WHERE account_id = $1 AND id = $2`,
        id,
        total,
        unseen,
      );
    }
  }

  // ---------------------------------------------------------------- messages

  async findMessages(ids: readonly MessageId[]): Promise<readonly Message[]> {
    const sql = `SELECT ${MESSAGE_COLUMNS} FROM message m WHERE m.account_id = $1 AND m.id = ANY ($2::uuid[])`;
    return (await this.rows<MessageRow>(sql, ids)).map(toMessage);
  }

  async findByUid(
    mailboxId: MailboxId,
    uidValidity: UidValidity,
    uids: readonly Uid[],
  ): Promise<readonly MirroredRef[]> {
    if (uids.length === 0) return [];
    const [first, last] = extremes(uids);
    // As a range where they lie close together: thousands of them one by one are thousands of searches.
    const isDense = last - first < 2 * uids.length;
    const rows = await this.rows<RefRow>(
      `SELECT ${REF_COLUMNS} FROM message
       WHERE account_id = $1 AND mailbox_id = $2 AND uid_validity = $3 AND uid ${isDense ? 'BETWEEN $4 AND $5' : '= ANY ($4::bigint[])'}`,
      mailboxId,
      uidValidity,
      ...(isDense ? [first, last] : [uids]),
    );
    const wanted = isDense ? new Set<number>(uids) : undefined;
    return rows.map(toMirroredRef).filter(({ remote }) => !wanted || wanted.has(remote?.uid ?? 0));
  }

  findUnplaced(mailboxId: MailboxId): Promise<readonly MessageId[]> {
    return findUnplaced(this.manager, this.accountId, mailboxId);
  }

  findUnplacedLike(mailboxId: MailboxId, identities: readonly MessageIdentity[]): Promise<readonly MirroredRef[]> {
    return findUnplacedLike(this.manager, this.accountId, mailboxId, identities);
  }

  findPlaced(identities: readonly MessageIdentity[]): Promise<readonly MirroredRef[]> {
    return findPlaced(this.manager, this.accountId, identities);
  }

  async insertMessages(mailboxId: MailboxId, messages: readonly NewMessage[]): Promise<readonly MessageId[]> {
    if (messages.length === 0) return [];
    const ids = messages.map(() => uuidV7() as MessageId);
    await copyIn(this.manager.queryRunner!, 'message', INSERT_COLUMNS, this.insertRows(mailboxId, ids, messages));
    this.insertedMessages += messages.length;
    messages.forEach(({ initial }, i) =>
      this.changes.add({ type: 'MESSAGE_ADDED', message_id: ids[i]!, mailbox_id: mailboxId, initial }),
    );
    const unseen = messages.filter(({ data }) => !data.flags.seen).length;
    await this.addToCounts(new Map([[mailboxId, { total: messages.length, unseen }]]));
    return ids;
  }

  private *insertRows(mailboxId: MailboxId, ids: readonly MessageId[], messages: readonly NewMessage[]) {
    const { accountId } = this;
    for (const [i, message] of messages.entries()) yield toInsertRow({ accountId, mailboxId, id: ids[i]!, message });
  }

  async updateFlags(rows: readonly { id: MessageId; flags: Flags; modSeq?: ModSeq }[]): Promise<void> {
    if (rows.length === 0) return;
    // The ids as an array, too: of a recordset the planner does not know how short it is, and may read the whole mailbox.
    const changed = await this.rows<{ id: MessageId; mailbox_id: MailboxId; unseen: number; differs: boolean }>(
      `WITH n AS (
         SELECT * FROM jsonb_to_recordset($2::jsonb)
         AS r (id uuid, seen boolean, flagged boolean, answered boolean, draft boolean, keywords text[], mod_seq bigint)
       ), old AS (
         SELECT m.id, m.mailbox_id, n.seen AS now_seen, m.seen AS was_seen,
           (m.seen, m.flagged, m.answered, m.draft, m.keywords)
             IS DISTINCT FROM (n.seen, n.flagged, n.answered, n.draft, n.keywords) AS differs
         FROM message m JOIN n USING (id) WHERE m.account_id = $1 AND m.id = ANY ($3::uuid[])
       ), done AS (
         UPDATE message m SET seen = n.seen, flagged = n.flagged, answered = n.answered, draft = n.draft,
           keywords = n.keywords, mod_seq = coalesce(n.mod_seq, m.mod_seq)
         FROM n WHERE m.account_id = $1 AND m.id = n.id AND m.id = ANY ($3::uuid[])
       )
       SELECT id, mailbox_id, was_seen::integer - now_seen::integer AS unseen, differs FROM old`,
      jsonText(rows.map(({ id, flags, modSeq }) => ({ id, ...flags, mod_seq: modSeq?.toString() }))),
      rows.map(({ id }) => id),
    );
    const counts = new Counts();
    for (const { id, mailbox_id, unseen, differs } of changed) {
      if (!differs) continue;
      this.changes.add({ type: 'MESSAGE_UPDATED', message_id: id, mailbox_id });
      counts.add(mailbox_id, 0, unseen);
    }
    await this.addToCounts(counts.changed());
  }

  async placeMessages(rows: readonly { id: MessageId; mailboxId: MailboxId; remote?: RemoteRef }[]): Promise<void> {
    if (rows.length === 0) return;
    await this.clearPlaces(rows);
    // The ids as an array, too, as for flags.
    const placed = await this.rows<PlacedRow>(
      `WITH n AS (
         SELECT * FROM jsonb_to_recordset($2::jsonb) AS r (id uuid, mailbox_id uuid, uid_validity bigint, uid bigint)
       ), old AS (
         SELECT m.id, m.mailbox_id AS was, n.mailbox_id AS now, m.seen
         FROM message m JOIN n USING (id) WHERE m.account_id = $1 AND m.id = ANY ($3::uuid[])
       ), done AS (
         UPDATE message m SET mailbox_id = n.mailbox_id, uid_validity = n.uid_validity, uid = n.uid,
           mod_seq = CASE WHEN m.mailbox_id = n.mailbox_id THEN m.mod_seq END
         FROM n WHERE m.account_id = $1 AND m.id = n.id AND m.id = ANY ($3::uuid[])
       )
       SELECT * FROM old`,
      placeText(rows),
      rows.map(({ id }) => id),
    );
    const counts = new Counts();
    for (const { id, was, now, seen } of placed) {
      if (was === now) continue;
      this.changes.add({ type: 'MESSAGE_UPDATED', message_id: id, mailbox_id: now, previous_mailbox_id: was });
      counts.add(was, -1, seen ? 0 : -1);
      counts.add(now, 1, seen ? 0 : 1);
    }
    await this.addToCounts(counts.changed());
  }

  /** A synchronisation elsewhere may have found the message in its new place before us: ours keeps the id that clients hold. */
  private async clearPlaces(
    rows: readonly { id: MessageId; mailboxId: MailboxId; remote?: RemoteRef }[],
  ): Promise<void> {
    const taken = await this.rows<{ id: MessageId }>(
      `SELECT m.id FROM message m
       JOIN jsonb_to_recordset($2::jsonb) AS r (id uuid, mailbox_id uuid, uid_validity bigint, uid bigint)
         USING (mailbox_id, uid_validity, uid)
       WHERE m.account_id = $1 AND m.id <> r.id`,
      placeText(rows),
    );
    await this.removeMessages(taken.map(({ id }) => id));
  }

  /** The UIDVALIDITY stays, which tells them from those that wait in their own mailbox (`message-recognition`). */
  async departMessages(ids: readonly MessageId[]): Promise<void> {
    if (ids.length === 0) return;
    await this.rows(
      `UPDATE message SET uid = NULL, uid_validity = coalesce(uid_validity, 0), mod_seq = NULL
       WHERE account_id = $1 AND id = ANY ($2::uuid[])`,
      ids,
    );
  }

  removeMessages(ids: readonly MessageId[]): Promise<void> {
    return this.removeWhere('id = ANY ($4::uuid[])', ids);
  }

  async departAll(mailboxId: MailboxId): Promise<void> {
    await this.rows(
      `UPDATE message SET uid = NULL, uid_validity = coalesce(uid_validity, 0), mod_seq = NULL
       WHERE account_id = $1 AND mailbox_id = $2`,
      mailboxId,
    );
  }

  async departForeign(mailboxId: MailboxId, uidValidity: UidValidity): Promise<void> {
    // Two ranges of an index: unequal would be all of it, and so would a value that the planner does not see.
    await this.rows(
      `UPDATE message SET uid = NULL, mod_seq = NULL
       WHERE account_id = $1 AND mailbox_id = $2 AND (uid_validity < $3 OR uid_validity > $3) AND uid IS NOT NULL`,
      mailboxId,
      uidValidity,
    );
  }

  removeDeparted(ids: readonly MessageId[]): Promise<void> {
    const condition = 'id = ANY ($4::uuid[]) AND uid IS NULL AND uid_validity IS NOT NULL AND content_id IS NULL';
    return this.removeWhere(condition, ids);
  }

  private async removeWhere(condition: string, ids: readonly MessageId[]): Promise<void> {
    if (ids.length === 0) return;
    const removed = await this.changes.removeMessages(condition, [ids]);
    const counts = new Counts();
    for (const { mailbox_id, seen } of removed) counts.add(mailbox_id, -1, seen ? 0 : -1);
    await this.addToCounts(counts.changed());
    await this.dropContent(removed);
  }

  // ---------------------------------------------------------------- octets

  private async dropContent(removed: readonly RemovedMessage[]): Promise<void> {
    const ids = removed.map(({ content_id }) => content_id).filter((id) => id !== null);
    if (ids.length === 0) return;
    // The POP3 ledger remembers that it was here: purged mail is not downloaded again.
    await this.rows(
      `WITH gone AS (
         DELETE FROM content c WHERE c.account_id = $1 AND c.id = ANY ($2::uuid[])
         AND NOT EXISTS (SELECT FROM message m WHERE m.account_id = c.account_id AND m.content_id = c.id)
         RETURNING c.id
       )
       UPDATE uidl u SET purged_at = now(), content_id = NULL FROM gone WHERE u.account_id = $1 AND u.content_id = gone.id`,
      ids,
    );
  }

  insertContents(contents: readonly NewContent[]): Promise<void> {
    return insertContents(this.manager, this.accountId, contents);
  }

  // ---------------------------------------------------------------- account

  async setStatus(status: AccountStatus): Promise<void> {
    const { state, since, lastError, nextAttemptAt, lastSuccessAt } = status;
    const [{ news } = { news: false }] = await this.rows<{ news: boolean }>(
      `WITH old AS (SELECT state, last_error_at, next_attempt_at FROM account WHERE id = $1), done AS (
         UPDATE account SET state = $2, state_since = $3, last_error_code = $4, last_error_message = $5,
           last_error_at = $6, next_attempt_at = $7, last_success_at = $8 WHERE id = $1
       )
       SELECT (state, last_error_at, next_attempt_at) IS DISTINCT FROM ($2::text, $6::timestamptz, $7::timestamptz) AS news
       FROM old`,
      state,
      since,
      lastError?.code,
      lastError && storableText(lastError.message),
      lastError?.at,
      nextAttemptAt,
      lastSuccessAt,
    );
    // That it still goes well is not news.
    if (news) this.changes.add({ type: 'ACCOUNT_STATUS_CHANGED' });
  }

  async setCapabilities(capabilities: AccountCapabilities): Promise<void> {
    await this.rows('UPDATE account SET capabilities = $2 WHERE id = $1', jsonText(capabilities));
  }

  async setPoll(poll: Pop3State): Promise<void> {
    await this.rows(
      'UPDATE account SET last_poll_at = $2, next_poll_at = $3, last_poll = $4 WHERE id = $1',
      poll.lastPollAt,
      poll.nextPollAt,
      poll.lastPoll && jsonText(poll.lastPoll),
    );
  }

  /** Every statement names the account first. */
  private rows<Row>(sql: string, ...parameters: readonly Parameter[]): Promise<Row[]> {
    return select<Row>(this.manager, sql, [this.accountId, ...parameters]);
  }
}

function extremes(uids: readonly Uid[]): [first: number, last: number] {
  let [first, last] = [Infinity, 0];
  for (const each of uids) {
    if (each < first) first = each;
    if (each > last) last = each;
  }
  return [first, last];
}

const placeText = (rows: readonly { id: MessageId; mailboxId: MailboxId; remote?: RemoteRef }[]): string =>
  jsonText(
    rows.map(({ id, mailboxId, remote }) => ({
      id,
      mailbox_id: mailboxId,
      uid_validity: remote?.uidValidity.toString(),
      uid: remote?.uid,
    })),
  );

/** Sums what mailboxes gain and lose. */
class Counts {
  private readonly sums = new Map<MailboxId, { total: number; unseen: number }>();

  add(id: MailboxId, total: number, unseen: number): void {
    const sum = this.sums.get(id) ?? { total: 0, unseen: 0 };
    this.sums.set(id, { total: sum.total + total, unseen: sum.unseen + unseen });
  }

  changed(): ReadonlyMap<MailboxId, { total: number; unseen: number }> {
    return new Map([...this.sums].filter(([, { total, unseen }]) => total !== 0 || unseen !== 0));
  }
}

import type { DataSource } from 'typeorm';
import type { AccountId, ThreadId } from '../mailbox/model/ids.js';
import type { Address } from '../mailbox/model/message.js';
import type { MessageOrder, Page } from '../mailbox/model/search.js';
import type { Thread } from '../mailbox/model/thread.js';
import { filterSql, Parameters } from './message-filter.sql.js';
import { encodeKeyset, pageWindow } from './message-page.js';
import { sameMessage } from './message-rows.js';
import type { ThreadQuery } from './mirror.port.js';
import { select } from './sql.js';

const defaultPageSize = 20;
const maxParticipants = 50;
const NEWEST_FIRST: MessageOrder = { field: 'RECEIVED_AT', direction: 'DESC' };

/**
 * Threads by their newest message, newest first. Messages are walked from the newest, and one that has a newer one in its thread
 * is passed over: the cost grows with what is shown, not with the account.
 */
export async function listThreads(dataSource: DataSource, query: ThreadQuery): Promise<Page<Thread>> {
  const window = pageWindow(query.page, NEWEST_FIRST, defaultPageSize);
  const p = new Parameters();
  const account = p.add(query.accountId);
  const conditions = [
    `t.account_id = ${account}`,
    `NOT EXISTS (SELECT FROM message n WHERE n.thread_id = t.thread_id AND (n.received_at, n.id) > (t.received_at, t.id))`,
    `EXISTS (SELECT FROM message m WHERE m.thread_id = t.thread_id AND ${filterSql(query.filter, p)})`,
  ];
  if (window.from) {
    conditions.push(
      `(t.received_at, t.thread_id) < (${p.add(window.from.key)}::timestamptz, ${p.add(window.from.id)}::uuid)`,
    );
  }
  const rows = await select<{ thread_id: ThreadId; key: string }>(
    dataSource,
    `SELECT t.thread_id, to_char(t.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS key
     FROM message t WHERE ${conditions.join(' AND ')}
     ORDER BY t.received_at DESC, t.thread_id DESC LIMIT ${p.add(window.size + 1)}`,
    p.values,
  );
  const shown = rows.slice(0, window.size);
  const threads = new Map(
    (
      await findThreads(
        dataSource,
        shown.map((row) => row.thread_id),
      )
    ).map((t) => [t.id, t]),
  );
  return {
    edges: shown.flatMap(({ thread_id, key }) => {
      const node = threads.get(thread_id);
      return node ? [{ node, cursor: encodeKeyset(NEWEST_FIRST, { key, id: thread_id }) }] : [];
    }),
    hasNextPage: rows.length > window.size,
    hasPreviousPage: window.from !== undefined,
  };
}

interface ThreadRow {
  readonly account_id: AccountId;
  readonly thread_id: ThreadId;
  readonly message_count: string;
  readonly unseen_count: string;
  readonly last_message_at: Date;
  readonly subject: string | null;
  readonly participants: readonly Address[];
}

/** In one statement for any number of them, in no order; a thread without messages is none. */
export async function findThreads(dataSource: DataSource, ids: readonly ThreadId[]): Promise<readonly Thread[]> {
  const rows = await select<ThreadRow>(
    dataSource,
    `SELECT s.*, p.participants FROM (
       SELECT m.account_id, m.thread_id, count(DISTINCT ${sameMessage('m')}) AS message_count,
         count(DISTINCT ${sameMessage('m')}) FILTER (WHERE NOT m.seen) AS unseen_count,
         max(m.received_at) AS last_message_at, (array_agg(m.subject ORDER BY m.received_at, m.id))[1] AS subject
       FROM message m WHERE m.thread_id = ANY ($1::uuid[]) GROUP BY m.account_id, m.thread_id
     ) s CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(w.writer ORDER BY w.since, w.place), '[]') AS participants FROM (
         SELECT * FROM (
           SELECT DISTINCT ON (coalesce(lower(f.writer->>'address'), f.writer->>'name')) f.writer, m.received_at AS since, f.place
           FROM message m CROSS JOIN LATERAL jsonb_array_elements(m.envelope->'from') WITH ORDINALITY AS f (writer, place)
           WHERE m.thread_id = s.thread_id
           ORDER BY coalesce(lower(f.writer->>'address'), f.writer->>'name'), m.received_at, m.id, f.place
         ) d ORDER BY d.since, d.place LIMIT ${maxParticipants}
       ) w
     ) p`,
    [ids],
  );
  return rows.map(toThread);
}

const toThread = (row: ThreadRow): Thread => ({
  id: row.thread_id,
  accountId: row.account_id,
  subject: row.subject ?? undefined,
  participants: row.participants,
  messageCount: Number(row.message_count),
  unseenCount: Number(row.unseen_count),
  lastMessageAt: row.last_message_at,
});

import type { DataSource } from 'typeorm';
import type { AccountId } from '../mailbox/model/ids.js';
import type { Message } from '../mailbox/model/message.js';
import type { MessageFilter, Page } from '../mailbox/model/search.js';
import { filterSql, Parameters } from './message-filter.sql.js';
import { encodeKeyset, pageWindow, SORT_KEYS, type PageWindow } from './message-page.js';
import { MESSAGE_COLUMNS, toMessage, type MessageRow } from './message-rows.js';
import type { MessageQuery } from './mirror.port.js';
import { select } from './sql.js';

const defaultPageSize = 50;

type ListRow = MessageRow & { sort_key: string };

/**
 * One page, in one statement. Each account (or mailbox, when the filter names some) gives its first rows by its own index, and
 * the page is merged from those: the cost does not grow with the mailbox.
 */
export async function listMessages(dataSource: DataSource, query: MessageQuery): Promise<Page<Message>> {
  const window = pageWindow(query.page, query.order, defaultPageSize);
  const p = new Parameters();
  const rows = await select<ListRow>(dataSource, pageSql(query, window, p), p.values);
  const more = rows.length > window.size;
  const shown = rows.slice(0, window.size);
  if (window.backward) shown.reverse();
  return {
    edges: shown.map((row) => {
      const node = toMessage(row);
      return { node, cursor: encodeKeyset(query.order, { key: row.sort_key, id: node.id }) };
    }),
    hasNextPage: window.backward ? window.from !== undefined : more,
    hasPreviousPage: window.backward ? more : window.from !== undefined,
  };
}

function pageSql({ accountIds, filter, order }: MessageQuery, window: PageWindow, p: Parameters): string {
  const { column, type } = SORT_KEYS[order.field];
  const ascending = (order.direction === 'ASC') !== window.backward;
  const sort = ascending ? 'ASC' : 'DESC';
  const sources = partitionSql(accountIds, filter, p);
  const beyond = window.from
    ? `AND (m.${column}, m.id) ${ascending ? '>' : '<'} (${p.add(window.from.key)}::${type}, ${p.add(window.from.id)}::uuid)`
    : '';
  const limit = p.add(window.size + 1);
  const key =
    type === 'timestamptz'
      ? `to_char(m.${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
      : `m.${column}::text`;
  return `SELECT ${MESSAGE_COLUMNS}, ${key} AS sort_key FROM ${sources.from} CROSS JOIN LATERAL (
      SELECT m.* FROM message m WHERE ${sources.where} AND ${filterSql(sources.rest, p)} ${beyond}
      ORDER BY m.${column} ${sort}, m.id ${sort} LIMIT ${limit}
    ) m ORDER BY m.${column} ${sort}, m.id ${sort} LIMIT ${limit}`;
}

interface Partition {
  readonly from: string;
  readonly where: string;
  /** What the choice of partitions does not already say. */
  readonly rest: MessageFilter;
}

function partitionSql(accountIds: readonly AccountId[], filter: MessageFilter, p: Parameters): Partition {
  const { accountIds: wanted, mailboxIds, specialUse, ...rest } = filter;
  const accounts = p.add(wanted ? accountIds.filter((id) => wanted.includes(id)) : accountIds);
  if (!mailboxIds && !specialUse) {
    return { from: `unnest(${accounts}::uuid[]) AS s (account_id)`, where: 'm.account_id = s.account_id', rest };
  }
  const conditions = [`b.account_id = ANY (${accounts}::uuid[])`];
  if (mailboxIds) conditions.push(`b.id = ANY (${p.add(mailboxIds)}::uuid[])`);
  if (specialUse) conditions.push(`b.special_use = ANY (${p.add(specialUse)}::text[])`);
  return {
    from: `(SELECT b.account_id, b.id FROM mailbox b WHERE ${conditions.join(' AND ')}) s`,
    where: 'm.account_id = s.account_id AND m.mailbox_id = s.id',
    rest,
  };
}

export async function countMessages(
  dataSource: DataSource,
  accountIds: readonly AccountId[],
  filter: MessageFilter,
): Promise<number> {
  const p = new Parameters();
  const sources = partitionSql(accountIds, filter, p);
  const [row] = await select<{ count: string }>(
    dataSource,
    `SELECT count(*) FROM ${sources.from} JOIN message m ON ${sources.where} WHERE ${filterSql(sources.rest, p)}`,
    p.values,
  );
  return Number(row!.count);
}

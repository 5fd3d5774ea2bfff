import type { HeaderCondition, MessageFilter, ServerSearchHit } from '../mailbox/model/search.js';
import { storableText } from '../mime/clean-text.js';
import { sameMessage } from './message-rows.js';
import { containsPattern, type Parameter } from './sql.js';

/** Collects parameters while a statement is put together; nothing a caller gave ever stands in the text itself. */
export class Parameters {
  readonly values: Parameter[] = [];

  add(value: Parameter): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

type Condition<K extends keyof MessageFilter> = (value: NonNullable<MessageFilter[K]>, p: Parameters) => string;

const contains =
  (...columns: string[]) =>
  (text: string, p: Parameters): string => {
    const pattern = p.add(containsPattern(text));
    return `(${columns.map((column) => `m.${column} ILIKE ${pattern}`).join(' OR ')})`;
  };
const compare =
  (column: string, operator: string) =>
  (value: Date | number, p: Parameters): string =>
    `m.${column} ${operator} ${p.add(value)}`;
const is =
  (column: string) =>
  (value: boolean): string =>
    value ? `m.${column}` : `NOT m.${column}`;
const oneOf =
  (column: string) =>
  (ids: readonly string[], p: Parameters): string =>
    `m.${column} = ANY (${p.add(ids)}::uuid[])`;
const keyword = (value: string, p: Parameters): string =>
  `EXISTS (SELECT FROM unnest(m.keywords) k WHERE lower(k) = lower(${p.add(storableText(value))}))`;

/** Header fields of stored octets are here; of the rest the server was asked (`found`). */
const header = (condition: HeaderCondition, p: Parameters): string =>
  `EXISTS (SELECT FROM content c, jsonb_array_elements(c.header_fields) h
    WHERE c.account_id = m.account_id AND c.id = m.content_id
    AND lower(h->>'name') = lower(${p.add(storableText(condition.name))})
    AND h->>'value' ILIKE ${p.add(containsPattern(condition.contains))})`;

/** In a mailbox that shows messages of others (RFC 6154, 8457). */
const inView = (row: string): string =>
  `EXISTS (SELECT FROM mailbox b WHERE b.account_id = ${row}.account_id AND b.id = ${row}.mailbox_id
    AND b.special_use IN ('ALL', 'FLAGGED', 'IMPORTANT'))`;

const found = (hits: readonly ServerSearchHit[], p: Parameters): string =>
  anyOf(hits.map((hit) => `(m.mailbox_id = ${p.add(hit.mailboxId)} AND m.uid = ANY (${p.add(hit.uids)}::bigint[]))`));

const anyOf = (conditions: readonly string[]): string =>
  conditions.length === 0 ? 'false' : `(${conditions.join(' OR ')})`;
const allOf = (conditions: readonly string[]): string =>
  conditions.length === 0 ? 'true' : `(${conditions.join(' AND ')})`;

/** What the mirror decides by itself, one condition a field. `header` and `found` belong together and stand below. */
const CONDITIONS: { readonly [K in Exclude<keyof MessageFilter, 'header' | 'found'>]-?: Condition<K> } = {
  accountIds: oneOf('account_id'),
  mailboxIds: oneOf('mailbox_id'),
  specialUse: (uses, p) =>
    `EXISTS (SELECT FROM mailbox b WHERE b.account_id = m.account_id AND b.id = m.mailbox_id
      AND b.special_use = ANY (${p.add(uses)}::text[]))`,
  ids: oneOf('id'),
  threadId: (id, p) => `m.thread_id = ${p.add(id)}::uuid`,
  eachOnce: () =>
    `NOT EXISTS (SELECT FROM message o WHERE o.thread_id = m.thread_id AND ${sameMessage('o')} = ${sameMessage('m')}
      AND (${inView('o')}, o.id) < (${inView('m')}, m.id))`,
  from: contains('from_text'),
  to: contains('to_text'),
  cc: contains('cc_text'),
  bcc: contains('bcc_text'),
  participant: contains('from_text', 'to_text', 'cc_text', 'bcc_text'),
  subject: contains('subject'),
  messageId: (id, p) => `m.message_id = ${p.add(storableText(id.replace(/^<|>$/g, '')))}`,
  receivedAfter: compare('received_at', '>='),
  receivedBefore: compare('received_at', '<'),
  sentAfter: compare('sent_at', '>='),
  sentBefore: compare('sent_at', '<'),
  minSizeBytes: compare('size_bytes', '>='),
  maxSizeBytes: compare('size_bytes', '<='),
  seen: is('seen'),
  flagged: is('flagged'),
  answered: is('answered'),
  draft: is('draft'),
  hasKeyword: keyword,
  notKeyword: (value, p) => `NOT ${keyword(value, p)}`,
  hasAttachments: is('has_attachments'),
  and: (filters, p) => allOf(filters.map((filter) => filterSql(filter, p))),
  or: (filters, p) => anyOf(filters.map((filter) => filterSql(filter, p))),
  // A comparison with a missing value is neither true nor false in SQL; for the caller the message simply does not match.
  not: (filter, p) => `(${filterSql(filter, p)}) IS NOT TRUE`,
};

/** The filter as a condition on `message m`. */
export function filterSql(filter: MessageFilter, p: Parameters): string {
  const conditions: string[] = [];
  for (const key of Object.keys(CONDITIONS) as (keyof typeof CONDITIONS)[]) {
    const value = filter[key];
    // The table pairs each key with its own value type; TypeScript cannot follow that through a loop.
    const condition = CONDITIONS[key] as (value: unknown, p: Parameters) => string;
    if (value !== undefined) conditions.push(condition(value, p));
  }
  if (filter.header) conditions.push(`(${header(filter.header, p)} OR ${found(filter.found ?? [], p)})`);
  return allOf(conditions);
}

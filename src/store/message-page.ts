import { invalidInput } from '../mailbox/mailbox.errors.js';
import type { MessageId, ThreadId } from '../mailbox/model/ids.js';
import type { MessageOrder, MessageOrderField, PageRequest } from '../mailbox/model/search.js';

/** Column and type of each order's key. With the id behind it the order is total: equal dates neither skip nor repeat. */
export const SORT_KEYS: Readonly<Record<MessageOrderField, { column: string; type: string }>> = {
  RECEIVED_AT: { column: 'received_at', type: 'timestamptz' },
  SENT_AT: { column: 'sort_sent_at', type: 'timestamptz' },
  SIZE: { column: 'size_bytes', type: 'bigint' },
  SUBJECT: { column: 'sort_subject', type: 'text' },
  FROM: { column: 'sort_from', type: 'text' },
};

/** A place in an ordered list: between two rows, whatever comes and goes around it. */
export interface Keyset {
  readonly key: string;
  /** Of what is listed. */
  readonly id: MessageId | ThreadId;
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Opaque to clients; says its order, so that it cannot be used with another. */
export const encodeKeyset = (order: MessageOrder, { key, id }: Keyset): string =>
  Buffer.from(JSON.stringify([order.field, order.direction, key, id])).toString('base64url');

/**
 * @param argument name of the argument, for the error
 * @throws MailError INVALID_INPUT
 */
function decodeKeyset(cursor: string, order: MessageOrder, argument: string): Keyset {
  const parts = parseJson(Buffer.from(cursor, 'base64url').toString());
  if (!Array.isArray(parts) || parts.length !== 4 || !parts.every((part) => typeof part === 'string')) {
    throw invalidInput([argument], 'not a cursor of this API: use one from `pageInfo` or `edges`');
  }
  const [field, direction, key, id] = parts as [string, string, string, string];
  if (field !== order.field || direction !== order.direction) {
    throw invalidInput([argument], 'this cursor belongs to a list in another order: start again without it');
  }
  if (!UUID.test(id) || !validKey(order.field, key)) throw invalidInput([argument], 'not a cursor of this API');
  return { key, id: id as Keyset['id'] };
}

function validKey(field: MessageOrderField, key: string): boolean {
  const { type } = SORT_KEYS[field];
  if (type === 'bigint') return /^\d{1,15}$/.test(key);
  if (type === 'timestamptz') return !Number.isNaN(Date.parse(key));
  return !key.includes('\u0000');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface PageWindow {
  readonly backward: boolean;
  readonly size: number;
  readonly from?: Keyset;
}

/** @throws MailError INVALID_INPUT naming the argument */
export function pageWindow(page: PageRequest, order: MessageOrder, defaultSize: number): PageWindow {
  const backward = page.last !== undefined || page.before !== undefined;
  if (backward && (page.first !== undefined || page.after !== undefined)) {
    throw invalidInput(['last'], 'page either forward with first/after or backward with last/before, not both');
  }
  const cursor = backward ? page.before : page.after;
  return {
    backward,
    size: (backward ? page.last : page.first) ?? defaultSize,
    from: cursor === undefined ? undefined : decodeKeyset(cursor, order, backward ? 'before' : 'after'),
  };
}

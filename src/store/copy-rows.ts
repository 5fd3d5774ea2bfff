import { OctetWriter } from './octet-writer.js';
import { jsonText } from './sql.js';

/** What a column of each type takes; null and undefined are NULL in any. */
interface Values {
  readonly uuid: string;
  readonly text: string;
  readonly integer: number;
  readonly bigint: number | bigint;
  readonly boolean: boolean;
  readonly timestamptz: Date;
  readonly bytea: Buffer;
  readonly jsonb: unknown;
  readonly 'text[]': readonly string[];
}

export type Columns = Readonly<Record<string, keyof Values>>;

export type RowOf<C extends Columns> = { readonly [Name in keyof C]: Values[C[Name]] | null | undefined };

/** Signature, no flags, no extension. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** Where a row would give the number of its columns, and a value its length. */
const NONE = -1;
/** Postgres counts microseconds from here. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
/** The same in every database. */
const TEXT_OID = 25;
const JSONB_VERSION = 1;

/** Rows are sent in pieces of about so many octets: Postgres works on one while the next is being written. */
const pieceBytes = 64 * 1024;
/** Of the first piece, which grows: most of the time it is one row. */
const firstBytes = 2 * 1024;

/**
 * What COPY is given for these rows (PostgreSQL, COPY, Binary Format): each value by its length and its octets. As parameters of a
 * statement they would be made into text, copied three times, and read again. Each row is asked for when its turn comes.
 */
export function* copyOctets<C extends Columns>(
  columns: C,
  rows: Iterable<RowOf<C>>,
): Generator<Buffer, void, undefined> {
  const named = Object.entries(columns).map(([name, type]) => [name, writers[type] as Writer<unknown>] as const);
  let out = new OctetWriter(firstBytes);
  out.octets(HEADER);
  for (const row of rows) {
    if (out.size >= pieceBytes) {
      yield out.written();
      out = new OctetWriter(pieceBytes);
    }
    out.int16(named.length);
    for (const [name, write] of named) {
      const value: unknown = row[name];
      if (value === undefined || value === null) out.int32(NONE);
      else write(out, value);
    }
  }
  out.int16(NONE);
  yield out.written();
}

type Writer<Value> = (out: OctetWriter, value: Value) => void;

const writers: { readonly [Type in keyof Values]: Writer<Values[Type]> } = {
  uuid(out, value) {
    out.int32(16);
    out.uuid(value);
  },
  text(out, value) {
    const start = out.beginSized();
    // Postgres takes no U+0000 in text.
    out.text(value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value);
    out.endSized(start);
  },
  integer(out, value) {
    out.int32(4);
    out.int32(value);
  },
  bigint(out, value) {
    out.int32(8);
    out.int64(value);
  },
  boolean(out, value) {
    out.int32(1);
    out.int8(value ? 1 : 0);
  },
  timestamptz(out, value) {
    out.int32(8);
    const micros = (value.getTime() - EPOCH_MS) * 1_000;
    // Not exact beyond the year 2285.
    out.int64(Number.isSafeInteger(micros) ? micros : BigInt(value.getTime() - EPOCH_MS) * 1_000n);
  },
  bytea(out, value) {
    out.int32(value.length);
    out.octets(value);
  },
  jsonb(out, value) {
    const start = out.beginSized();
    out.int8(JSONB_VERSION);
    out.text(jsonText(value));
    out.endSized(start);
  },
  'text[]'(out, value) {
    const start = out.beginSized();
    // Dimensions, whether there are NULLs, of what type.
    out.int32(value.length > 0 ? 1 : 0);
    out.int32(0);
    out.int32(TEXT_OID);
    if (value.length > 0) {
      out.int32(value.length);
      // Where it begins to count.
      out.int32(1);
      for (const text of value) writers.text(out, text);
    }
    out.endSized(start);
  },
};

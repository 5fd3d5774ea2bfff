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

/**
 * Rows for one table, one after the other as COPY takes them (PostgreSQL, COPY, Binary Format): each value by its length and its
 * octets. As parameters of a statement they would be made into text, copied three times, and read again.
 */
export class CopyRows<C extends Columns> {
  private readonly out: OctetWriter;
  private readonly writers: readonly (readonly [name: string, write: Writer<unknown>])[];

  /** @param expectedBytes of all rows together; more is no fault */
  constructor(columns: C, expectedBytes: number) {
    this.out = new OctetWriter(HEADER.length + expectedBytes);
    this.out.octets(HEADER);
    this.writers = Object.entries(columns).map(([name, type]) => [name, writers[type] as Writer<unknown>]);
  }

  get columnNames(): readonly string[] {
    return this.writers.map(([name]) => name);
  }

  add(row: RowOf<C>): void {
    const { out } = this;
    out.int16(this.writers.length);
    for (const [name, write] of this.writers) {
      const value: unknown = row[name];
      if (value === undefined || value === null) out.int32(NONE);
      else write(out, value);
    }
  }

  /** All of them; no more can be added. */
  end(): Buffer {
    this.out.int16(NONE);
    return this.out.written();
  }
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

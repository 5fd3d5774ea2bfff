import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from, to } from 'pg-copy-streams';
import type { QueryRunner } from 'typeorm';
import { copyOctets, type Columns, type RowOf } from './copy-rows.js';

// As parameters and columns of statements octets would be copied three times on their way to the database, and come back as
// hexadecimal text. COPY takes and gives them as they are: PostgreSQL, COPY, Binary Format.

/** Signature, flags, length of an extension. */
const HEADER_BYTES = 19;

/** Adds rows to a table: all of them, or none. @throws what the database does, and what making the rows does */
export async function copyIn<C extends Columns>(
  runner: QueryRunner,
  table: string,
  columns: C,
  rows: Iterable<RowOf<C>>,
): Promise<void> {
  const sql = `COPY ${table} (${Object.keys(columns).join(', ')}) FROM STDIN (FORMAT binary)`;
  const stream: Writable = (await clientOf(runner)).query(from(sql));
  await pipeline(Readable.from(copyOctets(columns, rows)), stream);
}

/**
 * The columns of a query's only row, undefined where there is none.
 * @param query takes no parameters, and none of its columns is null
 * @throws what the database does
 */
export async function copyOut(runner: QueryRunner, query: string): Promise<readonly Buffer[] | undefined> {
  const stream: Readable = (await clientOf(runner)).query(to(`COPY (${query}) TO STDOUT (FORMAT binary)`));
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  const answer = Buffer.concat(chunks);
  const count = answer.readInt16BE(HEADER_BYTES);
  if (count < 1) return undefined;
  let at = HEADER_BYTES + 2;
  return Array.from({ length: count }, () => {
    const start = at + 4;
    at = start + answer.readInt32BE(at);
    return answer.subarray(start, at);
  });
}

const clientOf = (runner: QueryRunner): Promise<PoolClient> => runner.connect() as Promise<PoolClient>;

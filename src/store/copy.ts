import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from, to } from 'pg-copy-streams';
import type { QueryRunner } from 'typeorm';

// As parameters and columns of statements octets would be copied three times on their way to the database, and come back as
// hexadecimal text. COPY takes and gives them as they are: PostgreSQL, COPY, Binary Format.

/** Signature, no flags, no extension. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** Where a row would give the number of its columns. */
const TRAILER = Buffer.from([0xff, 0xff]);

/**
 * Adds rows to a table: all of them, or none.
 * @param table with the names of its columns
 * @param octets of the rows, in any number of pieces
 * @throws what the database does
 */
export async function copyIn(runner: QueryRunner, table: string, octets: readonly Buffer[]): Promise<void> {
  const stream: Writable = (await clientOf(runner)).query(from(`COPY ${table} FROM STDIN (FORMAT binary)`));
  // In one piece, since each is sent with two calls of the system.
  stream.end(Buffer.concat([HEADER, ...octets, TRAILER]));
  await finished(stream);
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
  const count = answer.readInt16BE(HEADER.length);
  if (count < 1) return undefined;
  let at = HEADER.length + 2;
  return Array.from({ length: count }, () => {
    const start = at + 4;
    at = start + answer.readInt32BE(at);
    return answer.subarray(start, at);
  });
}

/** A row up to its last column. @param lastBytes how long that one is */
export function beginRow(columns: readonly Buffer[], lastBytes: number): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(columns.length + 1);
  return Buffer.concat([count, ...columns.flatMap((column) => [int4(column.length), column]), int4(lastBytes)]);
}

export function int4(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeInt32BE(value);
  return octets;
}

export const uuid = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex');

const clientOf = (runner: QueryRunner): Promise<PoolClient> => runner.connect() as Promise<PoolClient>;

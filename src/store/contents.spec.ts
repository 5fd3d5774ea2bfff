import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { insertAccount } from '../../test/factories/stored-account.js';
import { until } from '../../test/e2e/gateway-client.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { uuidV7 } from '../common/uuid.js';
import type { AccountId, ContentId } from '../mailbox/model/ids.js';
import { insertContents, insertPiece } from './contents.js';
import { isDatabaseAway } from './database-away.js';
import type { NewContent } from './mirror.port.js';
import { PIECE_BYTES } from './pieces.js';
import { readPieces } from './read-pieces.js';
import { select } from './sql.js';

let database: TestDatabase;
let dataSource: DataSource;
let accountId: AccountId;

beforeAll(async () => {
  database = await createTestDatabase();
}, 60_000);
beforeEach(async () => {
  // One connection: what a failure leaves behind in it meets whoever comes next.
  dataSource = await new DataSource({ type: 'postgres', url: database.url, poolSize: 1 }).initialize();
  accountId = await insertAccount(dataSource, 'POP3');
});
afterEach(() => dataSource.destroy());
afterAll(() => database.drop());

const content = (octets: Buffer): NewContent => ({
  id: uuidV7() as ContentId,
  octets,
  sha256: Buffer.alloc(32),
  headerFields: [{ name: 'Subject', value: 'é"\\' }],
});

async function read(id: ContentId): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  for await (const piece of readPieces(dataSource, accountId, id)) pieces.push(piece);
  return pieces;
}

/** The pool may hand the ended connection out once more before it hears of its end. */
async function readOnceBack(id: ContentId): Promise<Buffer[]> {
  const pieces = await until(
    () =>
      read(id).catch((error: unknown) => {
        if (isDatabaseAway(error)) return undefined;
        throw error;
      }),
    (found) => found !== undefined,
  );
  return pieces ?? [];
}

/** With another session that has done `first` in a transaction: ends the session that waits for it, and lets go. */
async function endWhoWaits(first: string, parameters: readonly string[], work: () => Promise<unknown>): Promise<void> {
  const other = new pg.Client(database.url);
  await other.connect();
  try {
    await other.query('BEGIN');
    await other.query(first, [...parameters]);
    const failed = work().then(() => false, isDatabaseAway);
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pg_backend_pid() = ANY (pg_blocking_pids(pid))`;
    await until(
      () => other.query(end),
      ({ rowCount }) => rowCount !== 0,
    );
    expect(await failed).toBe(true);
  } finally {
    await other.end();
  }
}

describe('stored octets', () => {
  it('come back as they went, of any length and several at once, in pieces of one size', async () => {
    const lengths = [0, 1, 20_000, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 1_000_000];
    const contents = lengths.map((length) => content(randomBytes(length)));
    await insertContents(dataSource, accountId, contents);
    for (const { id, octets } of contents) {
      const pieces = await read(id);
      expect(Buffer.concat(pieces).equals(octets)).toBe(true);
      expect(pieces.slice(0, -1).every(({ length }) => length === PIECE_BYTES)).toBe(true);
    }
    const rows = await select(dataSource, 'SELECT DISTINCT header_fields FROM content WHERE account_id = $1', [
      accountId,
    ]);
    expect(rows).toEqual([{ header_fields: [{ name: 'Subject', value: 'é"\\' }] }]);
  });

  it.each([
    ['of one size', [PIECE_BYTES, PIECE_BYTES, 7]],
    ['of any size', [10, PIECE_BYTES + 1, 0, 7]],
  ])('can be stored in pieces %s', async (_what, lengths) => {
    const whole = content(Buffer.alloc(0));
    const pieces = lengths.map((length) => randomBytes(length));
    await select(dataSource, `INSERT INTO content (account_id, id, size_bytes, sha256) VALUES ($1, $2, 0, '')`, [
      accountId,
      whole.id,
    ]);
    for (const [seq, piece] of pieces.entries()) await insertPiece(dataSource, accountId, whole.id, seq, piece);
    expect(Buffer.concat(await read(whole.id)).equals(Buffer.concat(pieces))).toBe(true);
  });

  it('are none where there are none', async () => {
    expect(await read(uuidV7() as ContentId)).toEqual([]);
  });

  it('are stored all or not at all, and a refusal leaves the connection usable', async () => {
    const [first, second] = [content(randomBytes(10)), content(randomBytes(20))];
    await insertContents(dataSource, accountId, [second]);
    await expect(insertContents(dataSource, accountId, [first, second])).rejects.toMatchObject({ code: '23505' });
    const unknown = uuidV7() as ContentId;
    await expect(insertPiece(dataSource, accountId, unknown, 0, randomBytes(10))).rejects.toMatchObject({
      code: '23503',
    });
    expect(await read(first.id)).toEqual([]);
    expect(await read(second.id)).toEqual([second.octets]);
  });

  it.each([
    ['before its octets are asked for', 'LOCK TABLE content_chunk IN ACCESS EXCLUSIVE MODE'],
    ['after all of them were sent', 'SELECT FROM content WHERE id = $1 FOR UPDATE'],
  ])('fail as the database does where it ends a session %s', async (_when, lock) => {
    const stored = content(randomBytes(PIECE_BYTES));
    await insertContents(dataSource, accountId, [stored]);
    await endWhoWaits(lock, lock.includes('$1') ? [stored.id] : [], () =>
      insertPiece(dataSource, accountId, stored.id, 1, randomBytes(PIECE_BYTES)),
    );
    expect(await readOnceBack(stored.id)).toEqual([stored.octets]);
  });

  it('fail as the database does where it ends a session that reads', async () => {
    const stored = content(randomBytes(10));
    await insertContents(dataSource, accountId, [stored]);
    await endWhoWaits('LOCK TABLE content_chunk IN ACCESS EXCLUSIVE MODE', [], () => read(stored.id));
    expect(await readOnceBack(stored.id)).toEqual([stored.octets]);
  });
});

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DataSource, type QueryRunner } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { storableText } from '../mime/clean-text.js';
import type { RowOf } from './copy-rows.js';
import { copyIn } from './copy.js';

let database: TestDatabase;
let dataSource: DataSource;
let runner: QueryRunner;

const columns = {
  at: 'integer',
  a_uuid: 'uuid',
  a_text: 'text',
  a_bigint: 'bigint',
  a_boolean: 'boolean',
  a_time: 'timestamptz',
  octets: 'bytea',
  a_json: 'jsonb',
  texts: 'text[]',
} as const;
type Row = RowOf<typeof columns>;
const empty = Object.fromEntries(Object.keys(columns).map((name) => [name, undefined])) as unknown as Row;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  runner = dataSource.createQueryRunner();
  const types = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
  await runner.query(`CREATE TEMPORARY TABLE kept (${types.join(', ')}, UNIQUE (at))`);
}, 60_000);
afterAll(async () => {
  await runner.release();
  await dataSource.destroy();
  await database.drop();
});

/** What Postgres has of the rows. */
async function stored(rows: readonly Row[]): Promise<unknown[]> {
  await runner.query('TRUNCATE kept');
  await copyIn(runner, 'kept', columns, rows);
  return runner.query('SELECT * FROM kept ORDER BY at') as Promise<unknown[]>;
}

/** Lone surrogates and U+0000, which no text of Postgres can hold, among all others. */
const text = fc.string({
  unit: fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constantFrom('\0', '\ud800', '\udc00', '"', '\\')),
});
const orNull = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of);
const row: fc.Arbitrary<Omit<Row, 'at'>> = fc.record({
  a_uuid: orNull(fc.uuid()),
  a_text: orNull(text),
  a_bigint: orNull(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  a_boolean: orNull(fc.boolean()),
  a_time: orNull(fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })),
  octets: orNull(fc.uint8Array().map((octets) => Buffer.from(octets))),
  a_json: orNull(fc.record({ text, list: fc.array(fc.integer()) })),
  texts: orNull(fc.array(text, { maxLength: 3 })),
});

it('Postgres has what was written, but for characters that it cannot hold', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
      const clean = rows.map((one, at) => ({
        ...one,
        at,
        a_text: one.a_text && storableText(one.a_text),
        a_bigint: one.a_bigint?.toString() ?? null,
        a_json: one.a_json && { ...one.a_json, text: storableText((one.a_json as { text: string }).text) },
        texts: one.texts?.map(storableText) ?? null,
      }));
      expect(await stored(rows.map((one, at) => ({ ...one, at })))).toEqual(clean);
    }),
  );
});

it('a value that was left away is NULL', async () => {
  const [kept] = await stored([{ ...empty, at: 1 }]);
  expect(kept).toEqual({ ...Object.fromEntries(Object.keys(columns).map((name) => [name, null])), at: 1 });
});

it('one row that is refused, and none is there', async () => {
  await expect(
    stored([
      { ...empty, at: 1 },
      { ...empty, at: 1 },
    ]),
  ).rejects.toThrow('duplicate key');
  await expect(runner.query('SELECT * FROM kept')).resolves.toEqual([]);
});

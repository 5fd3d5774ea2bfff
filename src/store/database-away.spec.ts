import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { isDatabaseAway } from './database-away.js';
import { select } from './sql.js';

let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await connect(database.url);
}, 60_000);

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

const connect = (url: string): Promise<DataSource> =>
  new DataSource({ type: 'postgres', url, poolSize: 1, connectTimeoutMS: 2_000 }).initialize();

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('isDatabaseAway', () => {
  it('is true where nobody answers', async () => {
    expect(isDatabaseAway(await errorOf(connect('postgres://nobody@127.0.0.1:1/none')))).toBe(true);
  });

  it('is true for a statement whose session ended under it', async () => {
    const other = await connect(database.url);
    const [row] = await select<{ pid: number }>(other, 'SELECT pg_backend_pid() AS pid');
    const sleeping = errorOf(select(other, 'SELECT pg_sleep(20)'));
    const kill = `SELECT pg_terminate_backend(pid) AS ok FROM pg_stat_activity WHERE pid = $1 AND query LIKE '%pg_sleep%'`;
    while ((await select(dataSource, kill, [row?.pid])).length === 0);
    expect(isDatabaseAway(await sleeping)).toBe(true);
    await other.destroy();
  });

  it('is false for a statement that was wrong, and for any other fault', async () => {
    expect(isDatabaseAway(await errorOf(select(dataSource, 'SELECT 1 / 0')))).toBe(false);
    expect(isDatabaseAway(new TypeError('undefined is not a function'))).toBe(false);
    expect(isDatabaseAway(undefined)).toBe(false);
  });
});

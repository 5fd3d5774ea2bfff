import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../../test/servers/postgres.js';
import { select } from '../sql.js';
import { loadMigrations } from './load-migrations.js';
import { runMigrations } from './run-migrations.js';

const FIRST = [
  '0001-first',
  'CREATE TABLE fruit (name text); INSERT INTO fruit VALUES (1);',
  'DROP TABLE fruit;',
] as const;
const SECOND = ['0002-second', 'ALTER TABLE fruit ADD weight integer;', 'ALTER TABLE fruit DROP weight;'] as const;

let folder: string;
let database: TestDatabase;
let open: DataSource[];

beforeAll(async () => {
  database = await createTestDatabase();
}, 60_000);

afterAll(() => database.drop());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mailroom-migrations-'));
  open = [];
  // The database comes with the project's own migrations; these tests bring others.
  const dataSource = await connect();
  await select(dataSource, 'DROP SCHEMA public CASCADE');
  await select(dataSource, 'CREATE SCHEMA public');
});

afterEach(async () => {
  await Promise.all(open.map((dataSource) => dataSource.destroy()));
  await rm(folder, { recursive: true });
});

async function write(...migrations: (readonly [string, string, string])[]): Promise<void> {
  for (const [stem, up, down] of migrations) {
    await writeFile(join(folder, `${stem}.up.sql`), up);
    await writeFile(join(folder, `${stem}.down.sql`), down);
  }
}

async function connect(extra: object = {}): Promise<DataSource> {
  const migrations = loadMigrations(folder);
  const dataSource = new DataSource({ type: 'postgres', url: database.url, migrations, poolSize: 1, extra });
  open.push(await dataSource.initialize());
  return dataSource;
}

const columns = async (dataSource: DataSource): Promise<string[]> => {
  const rows = await select<{ name: string }>(
    dataSource,
    `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'fruit' ORDER BY ordinal_position`,
  );
  return rows.map(({ name }) => name);
};

describe('runMigrations', () => {
  it('runs what is missing, in order and once', async () => {
    await write(SECOND, FIRST);
    const dataSource = await connect();
    await expect(runMigrations(dataSource)).resolves.toEqual(['0001-first-1700000000001', '0002-second-1700000000002']);
    await expect(runMigrations(dataSource)).resolves.toEqual([]);
    await expect(columns(dataSource)).resolves.toEqual(['name', 'weight']);
  });

  it('lets instances that start together migrate once', async () => {
    await write(FIRST, SECOND, ['0003-slow', 'SELECT pg_sleep(0.3); CREATE TABLE slow ();', 'DROP TABLE slow;']);
    const instances = await Promise.all(Array.from({ length: 4 }, () => connect()));
    const done = await Promise.all(instances.map((dataSource) => runMigrations(dataSource)));
    expect(done.map((names) => names.length).sort((a, b) => a - b)).toEqual([0, 0, 0, 3]);
  });

  it('keeps the migrations before one that fails, and nothing of that one', async () => {
    await write(FIRST, ['0002-broken', 'ALTER TABLE fruit ADD weight integer; SELECT 1/0;', 'SELECT 1;']);
    const dataSource = await connect();
    await expect(runMigrations(dataSource)).rejects.toMatchObject({ code: '22012' });
    await expect(columns(dataSource)).resolves.toEqual(['name']);

    await write(['0002-broken', SECOND[1], SECOND[2]]);
    await expect(runMigrations(await connect())).resolves.toEqual(['0002-broken-1700000000002']);
  });

  it('refuses a database that a newer gateway has migrated, and leaves it alone', async () => {
    await write(FIRST, SECOND);
    await runMigrations(await connect());
    await rm(join(folder, '0002-second.up.sql'));
    await rm(join(folder, '0002-second.down.sql'));
    const older = await connect();
    await expect(runMigrations(older)).rejects.toThrow(/newer gateway.*0002-second/);
    await expect(columns(older)).resolves.toEqual(['name', 'weight']);
  });

  it('is not cut short by the statement timeout of the pool, which holds again afterwards', async () => {
    await write(['0001-slow', 'SELECT pg_sleep(0.3);', 'SELECT 1;']);
    const dataSource = await connect({ statement_timeout: 100 });
    await expect(runMigrations(dataSource)).resolves.toHaveLength(1);
    await expect(select(dataSource, 'SHOW statement_timeout')).resolves.toEqual([{ statement_timeout: '100ms' }]);
    const locks = await select(
      dataSource,
      `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`,
    );
    expect(locks).toEqual([]);
  });

  it('leaves migrations that can be undone one by one', async () => {
    await write(FIRST, SECOND);
    const dataSource = await connect();
    await runMigrations(dataSource);
    await dataSource.undoLastMigration();
    await expect(columns(dataSource)).resolves.toEqual(['name']);
    await expect(runMigrations(dataSource)).resolves.toEqual(['0002-second-1700000000002']);
  });
});

describe("the project's own migrations", () => {
  it('go up, all the way down and up again, leaving nothing between', async () => {
    const migrations = loadMigrations();
    const dataSource = new DataSource({ type: 'postgres', url: database.url, migrations });
    open.push(await dataSource.initialize());
    await expect(runMigrations(dataSource)).resolves.toHaveLength(migrations.length);
    for (let count = 0; count < migrations.length; count++) await dataSource.undoLastMigration();
    const left = await select<{ name: string }>(
      dataSource,
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'S')
       AND relname NOT IN ('migrations', 'migrations_id_seq', 'typeorm_metadata')`,
    );
    expect(left).toEqual([]);
    await expect(runMigrations(dataSource)).resolves.toHaveLength(migrations.length);
  });
});

describe('loadMigrations', () => {
  it('names a file that is no migration', async () => {
    await write(FIRST);
    await writeFile(join(folder, '2-second.sql'), 'SELECT 1');
    expect(() => loadMigrations(folder)).toThrow(/2-second\.sql: a migration is named like/);
  });

  it('refuses two migrations of one number', async () => {
    await write(FIRST, ['0001-other', 'SELECT 1', 'SELECT 1']);
    expect(() => loadMigrations(folder)).toThrow('two migrations have the number 0001');
  });

  it('refuses a migration without a way back', async () => {
    await write(FIRST);
    await rm(join(folder, '0001-first.down.sql'));
    expect(() => loadMigrations(folder)).toThrow(/0001-first\.down\.sql/);
  });
});

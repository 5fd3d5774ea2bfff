import { chown, mkdir, mkdtemp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { findBinaries } from '../../src/store/embedded/binaries.js';
import { runCommand, type Identity } from '../../src/store/embedded/command.js';
import { findUnprivilegedUser } from '../../src/store/embedded/server-user.js';
import { loadMigrations } from '../../src/store/migrations/load-migrations.js';
import { runMigrations } from '../../src/store/migrations/run-migrations.js';
import { findFreePorts } from './free-ports.js';
import { runDirectory } from './run-directory.js';

export interface Cluster {
  urlOf(database: string): string;
}

/** The database that fresh ones are copied from; nobody may be connected to it. */
export const TEMPLATE = 'mailroom_template';

const START_MS = 120_000;
const COMMAND_MS = 60_000;
const START_ATTEMPTS = 3;
// It may lose everything when the machine stops, which a test does not mind.
const SETTINGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=300'];
/** It may be stopped at any moment, and loses nothing that it has confirmed. */
const DURABLE_SETTINGS = ['fsync=off', 'synchronous_commit=on'];

/**
 * The one Postgres of this run of jest. Files of tests run in several processes: whoever makes the directory first starts
 * it, the others wait for the file that says where it is. It is a daemon, ended when all tests are done (test/setup).
 */
export async function findOrStartCluster(): Promise<Cluster> {
  const home = join(runDirectory(), 'postgres');
  const first = await mkdir(home).then(
    () => true,
    () => false,
  );
  if (first) await publishOutcome(home, startCluster(home));
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    const outcome = await readFile(outcomeFile(home), 'utf8').catch(() => undefined);
    if (outcome !== undefined) return open(outcome);
    await delay(50);
  }
  throw new Error('Postgres was not started in time by another test');
}

const outcomeFile = (home: string): string => join(home, 'outcome.json');

async function publishOutcome(home: string, starting: Promise<number>): Promise<void> {
  const outcome = await starting.then(
    (port) => ({ port }),
    (error: unknown) => ({ error: String(error) }),
  );
  await writeFile(`${outcomeFile(home)}.draft`, JSON.stringify(outcome));
  await rename(`${outcomeFile(home)}.draft`, outcomeFile(home));
}

function open(text: string): Cluster {
  const outcome: { port?: number; error?: string } = JSON.parse(text);
  if (outcome.port === undefined) throw new Error(`Postgres could not be started: ${outcome.error}`);
  return clusterOn(outcome.port);
}

function clusterOn(port: number): Cluster {
  return { urlOf: (database) => `postgres://mail@127.0.0.1:${port}/${database}` };
}

async function startCluster(home: string): Promise<number> {
  const programs = await initialise(home);
  const port = await startServer(programs, home, SETTINGS);
  await makeTemplate(clusterOn(port));
  return port;
}

interface Programs {
  readonly pgCtl: string;
  readonly as: Identity | undefined;
}

async function initialise(home: string): Promise<Programs> {
  const as = process.getuid?.() === 0 ? await findUnprivilegedUser() : undefined;
  if (as) await chown(home, as.uid, as.gid);
  const { initdb } = await findBinaries(as);
  const trust = ['-U', 'mail', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'];
  await runCommand(initdb, ['-D', join(home, 'data'), ...trust, '--no-sync'], { as, timeoutMs: COMMAND_MS });
  return { pgCtl: join(dirname(initdb), 'pg_ctl'), as };
}

/** A Postgres of a test's own, with one empty database, that can be stopped and started again on its port. */
export class StoppablePostgres {
  private constructor(
    private readonly programs: Programs,
    private readonly home: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<StoppablePostgres> {
    const home = await mkdtemp(join(runDirectory(), 'pg-'));
    const programs = await initialise(home);
    return new StoppablePostgres(programs, home, await startServer(programs, home, DURABLE_SETTINGS));
  }

  get url(): string {
    return clusterOn(this.port).urlOf('postgres');
  }

  /** As a crash would: connections are cut, nothing is written that was not. */
  async stop(): Promise<void> {
    const { pgCtl, as } = this.programs;
    const stop = ['stop', '-w', '-s', '-m', 'immediate', '-D', join(this.home, 'data')];
    await runCommand(pgCtl, stop, { as, timeoutMs: COMMAND_MS });
  }

  /** As on a disk that hangs: connections stay, and nothing is answered until `thaw`. */
  async freeze(): Promise<void> {
    await this.signal('SIGSTOP');
  }

  async thaw(): Promise<void> {
    await this.signal('SIGCONT');
  }

  private async signal(signal: NodeJS.Signals): Promise<void> {
    const [first = ''] = (await readFile(join(this.home, 'data', 'postmaster.pid'), 'utf8')).split('\n');
    const postmaster = Number(first);
    for (const pid of [postmaster, ...(await childrenOf(postmaster))]) process.kill(pid, signal);
  }

  async startAgain(): Promise<void> {
    await startServer(this.programs, this.home, DURABLE_SETTINGS, this.port);
  }
}

/** By Linux's /proc (proc(5)): the parent is the second field behind the name in brackets. */
async function childrenOf(parent: number): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    }),
  );
  return pids.filter((_, at) => parents[at] === parent);
}

async function startServer(
  { pgCtl, as }: Programs,
  home: string,
  settings: readonly string[],
  wantedPort?: number,
): Promise<number> {
  const log = join(home, 'log');
  for (let attempt = 1; ; attempt += 1) {
    const port = wantedPort ?? (await findFreePorts(1))[0] ?? 0;
    const listen = ['-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-k', home];
    const options = [...listen, ...settings.flatMap((setting) => ['-c', setting])].join(' ');
    const start = ['start', '-w', '-s', '-D', join(home, 'data'), '-l', log, '-o', options];
    try {
      await runCommand(pgCtl, start, { as, timeoutMs: COMMAND_MS });
      return port;
    } catch (cause) {
      const said = await readFile(log, 'utf8').catch(() => '');
      if (attempt === START_ATTEMPTS || !said.includes('Address already in use')) throw new Error(said, { cause });
    }
  }
}

async function makeTemplate(cluster: Cluster): Promise<void> {
  const url = cluster.urlOf(TEMPLATE);
  const server = await new DataSource({ type: 'postgres', url: cluster.urlOf('postgres') }).initialize();
  await server.query(`CREATE DATABASE ${TEMPLATE}`);
  await server.destroy();
  const template = await new DataSource({ type: 'postgres', url, migrations: loadMigrations() }).initialize();
  await runMigrations(template);
  await template.destroy();
}

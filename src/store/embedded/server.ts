import { spawn, type ChildProcess } from 'node:child_process';
import { sleep } from '../../common/sleep.js';
import type { Binaries } from './binaries.js';
import type { ClusterHome } from './cluster-home.js';
import { childEnvironment } from './command.js';
import { findPostmasterFile, inspectProcess, removeMisleadingLocks } from './postmaster-file.js';
import type { ServerLog } from './server-log.js';
import { probe } from './session.js';
import { SOCKET_PORT } from './socket-directory.js';

/** Generous: after a crash the server first replays up to `max_wal_size`, and on a slow disk that takes its time. */
const startTimeoutMs = 5 * 60_000;
const fastStopMs = 30_000;
const immediateStopMs = 10_000;
const pollMs = 25;
/** Each look at a server that recovers leaves a line in its log. */
const maxPollMs = 500;
/** A server that follows a killed one may have to wait for the last processes of the former. */
const maxSpawns = 6;
const respawnMs = 300;

/** For one gateway on a small machine. What is not here keeps Postgres' default, fsync above all. */
const settings = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '64MB',
  effective_cache_size: '512MB',
  maintenance_work_mem: '64MB',
  max_wal_size: '512MB',
  wal_compression: 'on',
  // Containers give 64 MB of shared memory, which parallel plans soon exceed.
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  log_checkpoints: 'off',
  // The server's own affairs only: errors of statements reach the gateway anyway, and their details quote mail.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
} as const;

export interface ServerSpec {
  readonly home: ClusterHome;
  readonly binaries: Binaries;
  readonly log: ServerLog;
  /** For a server that is started; one that already runs has its own. */
  readonly socketDirectory: string;
}

export interface RunningServer {
  readonly socketDirectory: string;
  /** It ran before, left behind by a gateway that was killed or owned by one that lives. */
  readonly adopted: boolean;
}

type State = { readonly kind: 'ready'; readonly socketDirectory: string } | { readonly kind: 'busy' | 'absent' };

/**
 * A server that answers on this cluster: the one that runs already, or else a new one.
 * @throws Error with the end of the server's log when it does not start, or when `signal` aborts; a server that was started
 *   here is stopped then
 */
export async function ensureServer(spec: ServerSpec, signal: AbortSignal): Promise<RunningServer> {
  const launch = new Launch(spec);
  try {
    const deadline = Date.now() + startTimeoutMs;
    for (let looks = 1; !signal.aborted && Date.now() < deadline; looks++) {
      const state = await look(spec.home.cluster);
      if (state.kind === 'ready')
        return { socketDirectory: state.socketDirectory, adopted: !(await launch.isThatOf(spec.home.cluster)) };
      if (state.kind === 'absent') await launch.advance(signal);
      await sleep(Math.min(pollMs * looks, maxPollMs), signal);
    }
    throw new Error(await launch.failure(signal.aborted ? 'the gateway is stopping' : 'it took too long'));
  } catch (error) {
    await launch.abandon();
    throw error;
  }
}

/** What `postmaster.pid` and the socket that it names tell. */
async function look(cluster: string): Promise<State> {
  const file = await findPostmasterFile(cluster);
  if (!file) return { kind: 'absent' };
  if (file.socketDirectory) {
    const { socketDirectory } = file;
    const answer = await probe(socketDirectory, cluster);
    if (answer === 'ready') return { kind: 'ready', socketDirectory };
    if (answer === 'busy') return { kind: 'busy' };
  }
  return { kind: (await inspectProcess(file.pid, cluster)) === 'server' ? 'busy' : 'absent' };
}

/** Attempts to start a server, one process at a time. */
class Launch {
  private child: ChildProcess | undefined;
  private spawns = 0;
  private spawnError: Error | undefined;

  constructor(private readonly spec: ServerSpec) {}

  /** Starts a process unless one is under way; called while no server is to be seen. */
  async advance(signal: AbortSignal): Promise<void> {
    if (this.child && this.child.exitCode === null && this.child.signalCode === null && !this.spawnError) return;
    if (this.spawns === maxSpawns || this.spawnError) throw new Error(await this.failure('it ended at once'));
    if (this.spawns > 0) await sleep(respawnMs * this.spawns, signal);
    this.spawns++;
    await this.start();
  }

  private async start(): Promise<void> {
    const { home, binaries, log, socketDirectory } = this.spec;
    await removeMisleadingLocks(home.cluster, socketDirectory, SOCKET_PORT);
    const file = await log.open();
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const args = ['-D', home.cluster, '-k', socketDirectory, '-p', String(SOCKET_PORT), ...options];
    try {
      this.child = spawn(binaries.postgres, args, {
        ...home.as,
        cwd: '/',
        env: childEnvironment(),
        // A session of its own: Ctrl-C in the terminal is for the gateway, which stops the server last.
        detached: true,
        stdio: ['ignore', file.fd, file.fd],
      });
      this.child.once('error', (error) => (this.spawnError = error));
    } finally {
      await file.close();
    }
  }

  async isThatOf(cluster: string): Promise<boolean> {
    return this.child?.pid !== undefined && (await findPostmasterFile(cluster))?.pid === this.child.pid;
  }

  async failure(reason: string): Promise<string> {
    const tail = await this.spec.log.tail().catch(() => '');
    const detail = this.spawnError?.message ?? tail;
    return `The embedded database in ${this.spec.home.cluster} does not start (${reason}). ${detail}`.trim();
  }

  async abandon(): Promise<void> {
    const { cluster } = this.spec.home;
    if (await this.isThatOf(cluster)) await stopServer(cluster);
    else this.child?.kill('SIGQUIT');
  }
}

/**
 * Stops the server of the cluster, whoever started it; nothing to do where none runs. First as Postgres calls it fast (open
 * transactions are rolled back, a checkpoint is written), then immediate (the next start recovers from the log).
 * @throws Error when it still runs after both
 */
export async function stopServer(cluster: string): Promise<void> {
  const pid = (await findPostmasterFile(cluster))?.pid;
  if (pid === undefined) return;
  for (const [signal, deadlineMs] of [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', immediateStopMs],
  ] as const) {
    if (await hasEnded(pid, cluster)) return;
    process.kill(pid, signal);
    if (await endsWithin(deadlineMs, pid, cluster)) return;
  }
  throw new Error(`The embedded database in ${cluster} (process ${pid}) does not stop.`);
}

async function endsWithin(deadlineMs: number, pid: number, cluster: string): Promise<boolean> {
  const deadline = Date.now() + deadlineMs;
  while (Date.now() < deadline) {
    if (await hasEnded(pid, cluster)) return true;
    await sleep(pollMs);
  }
  return false;
}

async function hasEnded(pid: number, cluster: string): Promise<boolean> {
  const kind = await inspectProcess(pid, cluster);
  if (kind === 'unknown') return (await findPostmasterFile(cluster))?.pid !== pid;
  return kind !== 'server';
}

import { backoffMs } from '../../common/backoff.js';
import { sleep } from '../../common/sleep.js';
import { findBinaries } from './binaries.js';
import { findClusterHome } from './cluster-home.js';
import { GatewayLock } from './gateway-lock.js';
import { ensureCluster } from './init-cluster.js';
import { ServerLog } from './server-log.js';
import { ensureServer, stopServer, type ServerSpec } from './server.js';
import { ensureSocketDirectory, SOCKET_PORT } from './socket-directory.js';

const restartBackoff = { firstMs: 250, maxMs: 30_000 };
/** A server that lived this long did not die of its start. */
const steadyMs = 60_000;

/** Role and database of the gateway. */
const NAME = 'mailroom';

/** Of Nest's logger, the part that is used here. */
export interface EmbeddedPostgresLog {
  log(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export interface EmbeddedPostgres {
  /** As the pg driver takes it; stays the same when the server is restarted. */
  readonly connection: {
    /** The directory of the socket. */
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
  };
  /**
   * Stops the server; the gateway's own connections should be closed before. May be called more than once.
   * @throws Error when the server does not stop
   */
  stop(): Promise<void>;
}

/**
 * A Postgres of our own in `dataDir`: made at the first start, started when it does not run, adopted when a killed gateway has
 * left it behind, and started again when it dies.
 * @throws Error that says what to do: another gateway runs on this directory, no Postgres for this platform, not enough rights
 */
export async function startEmbeddedPostgres(options: {
  readonly dataDir: string;
  readonly log: EmbeddedPostgresLog;
}): Promise<EmbeddedPostgres> {
  const home = await findClusterHome(options.dataDir);
  const binaries = await findBinaries(home.as);
  await ensureCluster(home, binaries);
  const socketDirectory = await ensureSocketDirectory(home);
  const spec = { home, binaries, socketDirectory, log: new ServerLog(options.dataDir) };
  const server = await ensureServer(spec, new AbortController().signal);
  // A former gateway may have chosen another place for the socket (TMPDIR).
  const supervisor = new Supervisor({ ...spec, socketDirectory: server.socketDirectory }, options.log);
  await supervisor.open(server.adopted);
  return supervisor;
}

class Supervisor implements EmbeddedPostgres {
  private readonly stopping = new AbortController();
  private lock: GatewayLock | undefined;
  private recovery: Promise<void> = Promise.resolve();
  private stopped: Promise<void> | undefined;
  private upSinceMs = 0;
  private failures = 0;

  constructor(
    private readonly spec: ServerSpec,
    private readonly log: EmbeddedPostgresLog,
  ) {}

  get connection(): EmbeddedPostgres['connection'] {
    return { host: this.spec.socketDirectory, port: SOCKET_PORT, user: NAME, database: NAME };
  }

  /** @throws Error when another gateway owns the server, which is left alone then */
  async open(adopted: boolean): Promise<void> {
    const { cluster } = this.spec.home;
    await this.own();
    try {
      await this.lock?.ensureDatabase(NAME);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.log.log({ cluster, adopted }, 'embedded database is ready');
  }

  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  private async own(): Promise<void> {
    this.lock = await GatewayLock.acquire(this.spec.socketDirectory, () => this.recover());
    if (!this.lock)
      throw new Error(
        `Another gateway is running on this DATA_DIR (its database is ${this.spec.home.cluster}): stop it, give this one a ` +
          'DATA_DIR of its own, or let both share a Postgres by DATABASE_URL.',
      );
    this.upSinceMs = Date.now();
  }

  private recover(): void {
    this.lock = undefined;
    if (this.stopping.signal.aborted) return;
    this.log.warn({ cluster: this.spec.home.cluster }, 'embedded database has gone; starting it again');
    this.failures = Date.now() - this.upSinceMs > steadyMs ? 0 : this.failures + 1;
    this.recovery = this.restart();
  }

  /**
   * Tries for as long as the gateway runs. Should another gateway have taken the server over in the meantime, this one works
   * on as its guest and leaves starting and stopping to it.
   */
  private async restart(): Promise<void> {
    const { signal } = this.stopping;
    for (;;) {
      if (this.failures > 0) await sleep(backoffMs(restartBackoff, this.failures), signal);
      if (signal.aborted) return;
      try {
        await ensureServer(this.spec, signal);
        await this.own();
        this.log.warn({ cluster: this.spec.home.cluster }, 'embedded database runs again');
        return;
      } catch (error) {
        this.failures++;
        if (!signal.aborted) this.log.error({ reason: (error as Error).message }, 'embedded database is not available');
      }
    }
  }

  private async shutDown(): Promise<void> {
    this.stopping.abort();
    await this.recovery;
    if (!this.lock) return;
    // Held until the server has ended, so that a gateway that starts meanwhile waits instead of adopting it.
    this.lock.expectEnd();
    try {
      await stopServer(this.spec.home.cluster);
    } finally {
      await this.lock.release();
    }
  }
}

import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import type { Dovecot } from '../servers/dovecot.js';
import { findFreePorts } from '../servers/free-ports.js';
import { createTestDatabase, type TestDatabase } from '../servers/postgres.js';
import { GatewayClient, until } from './gateway-client.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The compiled gateway as a process of its own, so that it can be killed. `script/test` compiles it first. */
export class GatewayProcess {
  /** The end of what it has written to its log. */
  said = '';
  private child: ChildProcess | undefined;

  private constructor(
    private readonly database: TestDatabase,
    private readonly dataDir: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly first?: GatewayProcess,
  ) {}

  /** Prepared, not yet started. */
  static async prepare(server: Dovecot, onDatabase?: TestDatabase): Promise<GatewayProcess> {
    const dataDir = await mkdtemp(join(tmpdir(), 'mailroom-crash-'));
    const database = onDatabase ?? (await createTestDatabase());
    const [port] = await findFreePorts(1);
    await writeFile(join(dataDir, 'ca.pem'), server.caPem);
    return new GatewayProcess(database, dataDir, {
      PATH: process.env.PATH,
      PORT: String(port),
      DATA_DIR: dataDir,
      DATABASE_URL: database.url,
      MASTER_KEY: randomBytes(32).toString('base64'),
      ADMIN_API_KEY: randomBytes(24).toString('base64url'),
      MAIL_HOST_ALLOW: '127.0.0.0/8',
      MAIL_PORT_ALLOW: '*',
      MAIL_ALLOW_PLAINTEXT: 'true',
      MAIL_TLS_CA_FILE: join(dataDir, 'ca.pem'),
      LOG_LEVEL: 'warn',
    });
  }

  /** Another instance on the same database, not yet started. It is to be stopped before this one. */
  async another(): Promise<GatewayProcess> {
    const [port] = await findFreePorts(1);
    return new GatewayProcess(this.database, this.dataDir, { ...this.env, PORT: String(port) }, this);
  }

  get client(): GatewayClient {
    return new GatewayClient(`http://127.0.0.1:${this.env.PORT}`, this.env.ADMIN_API_KEY ?? '');
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Resolves when it answers queries. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [MAIN], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    const hear = (chunk: Buffer): unknown => (this.said = (this.said + chunk.toString()).slice(-8_000));
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`the gateway ended: ${this.said}`);
        return fetch(`http://127.0.0.1:${this.env.PORT}/health/ready`).then(
          (response) => response.ok,
          () => false,
        );
      },
      (ready) => ready,
      60_000,
    );
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** As on a machine that hangs, until `thaw`. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  /** Behind the back of every instance. */
  async sql<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: this.database.url });
    await client.connect();
    try {
      return (await client.query<Row>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** As an orchestrator would. @returns the exit code */
  async leave(): Promise<number | null> {
    await this.end('SIGTERM');
    return this.child?.exitCode ?? null;
  }

  async stop(): Promise<void> {
    await this.leave();
    if (this.first) return;
    await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

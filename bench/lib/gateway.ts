import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { GatewayClient, until } from '../../test/e2e/gateway-client.js';
import { findFreePorts } from '../../test/servers/free-ports.js';
import { runDirectory } from '../../test/servers/run-directory.js';
import { ProcessGauge } from './process-gauge.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const MANIFEST = new URL('../../package.json', import.meta.url);
const { scripts } = JSON.parse(await readFile(MANIFEST, 'utf8')) as { scripts: { start: string } };
/** As `npm start` starts it: what is measured is what is shipped. */
const START_WORDS = scripts.start.split(' ');
const START_OPTIONS = START_WORDS.filter((word) => word.startsWith('--'));
const START_ENV = Object.fromEntries(
  START_WORDS.filter((word) => /^[A-Z_]+=/.test(word)).map((word) => word.split('=') as [string, string]),
);
const START_MS = 120_000;

/**
 * The compiled gateway as a process of its own, with the database that it starts by itself: that one loses nothing when the
 * machine stops (fsync and synchronous_commit on), unlike the tests' own.
 */
export class BenchGateway {
  private constructor(
    private readonly child: ChildProcess,
    private readonly dataDir: string,
    readonly client: GatewayClient,
    readonly gauge: ProcessGauge,
  ) {}

  /** Resolves when it answers queries. @param caPem of the mail servers */
  static async start(caPem: string): Promise<BenchGateway> {
    const dataDir = await mkdtemp(join(runDirectory(), 'gw-'));
    // Under root the database runs as another user, who must be able to pass; else it would be made outside this folder.
    await chmod(dataDir, 0o711);
    await writeFile(join(dataDir, 'ca.pem'), caPem);
    const [port] = await findFreePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const key = randomBytes(24).toString('base64url');
    const env = {
      ...START_ENV,
      PATH: process.env.PATH,
      PORT: String(port),
      DATA_DIR: dataDir,
      ADMIN_API_KEY: key,
      MAIL_HOST_ALLOW: '127.0.0.0/8',
      MAIL_PORT_ALLOW: '*',
      MAIL_ALLOW_PLAINTEXT: 'true',
      MAIL_TLS_CA_FILE: join(dataDir, 'ca.pem'),
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
    };
    const profiling = process.env.BENCH_NODE_OPTIONS?.split(' ') ?? [];
    const child = spawn(process.execPath, [...START_OPTIONS, ...profiling, MAIN], {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    process.once('exit', () => child.kill('SIGTERM'));
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error('the gateway ended before it was ready');
        return fetch(`${url}/health/ready`).then(
          (response) => response.ok,
          () => false,
        );
      },
      (ready) => ready,
      START_MS,
    );
    return new BenchGateway(child, dataDir, new GatewayClient(url, key), new ProcessGauge(child.pid ?? 0));
  }

  /** CPU time of all processes of the gateway's database. */
  async databaseCpuMs(): Promise<number> {
    return new ProcessGauge(Number((await this.postmasterFile())[0])).familyCpuMs();
  }

  /** A session of its own with the gateway's database. */
  async connectToDatabase(): Promise<Client> {
    const lines = await this.postmasterFile();
    const client = new Client({ host: lines[4], port: Number(lines[3]), user: 'mailroom', database: 'mailroom' });
    await client.connect();
    return client;
  }

  /** Its first line is the process, the fifth the socket's directory, the fourth the port. */
  private async postmasterFile(): Promise<readonly string[]> {
    return (await readFile(join(this.dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}

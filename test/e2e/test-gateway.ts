import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load-config.js';
import { startGateway, type Gateway } from '../../src/gateway.js';
import type { Dovecot } from '../servers/dovecot.js';
import { createTestDatabase, type TestDatabase } from '../servers/postgres.js';
import { GatewayClient } from './gateway-client.js';

/** A gateway in this process with a database of its own, reached only through its ports. */
export class TestGateway {
  private gateway: Gateway | undefined;

  private constructor(
    private readonly database: TestDatabase,
    private readonly dataDir: string,
    private readonly env: Readonly<Record<string, string>>,
    private readonly key: string,
  ) {}

  /** @param servers whose certificates are trusted */
  static async start(
    servers: readonly Pick<Dovecot, 'caPem'>[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<TestGateway> {
    const dataDir = await mkdtemp(join(tmpdir(), 'mailroom-e2e-'));
    const database = await createTestDatabase();
    const key = randomBytes(24).toString('base64url');
    const gateway = new TestGateway(
      database,
      dataDir,
      {
        PORT: '0',
        DATA_DIR: dataDir,
        DATABASE_URL: database.url,
        MASTER_KEY: randomBytes(32).toString('base64'),
        ADMIN_API_KEY: key,
        MAIL_HOST_ALLOW: '127.0.0.0/8',
        MAIL_PORT_ALLOW: '*',
        MAIL_ALLOW_PLAINTEXT: 'true',
        LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
        ...(servers[0] && { MAIL_TLS_CA_FILE: await writeCa(dataDir, servers) }),
        ...env,
      },
      key,
    );
    await gateway.up();
    return gateway;
  }

  get url(): string {
    if (!this.gateway) throw new Error('the gateway is down');
    return this.gateway.url;
  }

  client(key: string = this.key): GatewayClient {
    return new GatewayClient(this.url, key);
  }

  async up(): Promise<void> {
    this.gateway = await startGateway(loadConfig(this.env));
  }

  async down(): Promise<void> {
    await this.gateway?.stop();
    this.gateway = undefined;
  }

  async stop(): Promise<void> {
    await this.down();
    await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

async function writeCa(dir: string, servers: readonly Pick<Dovecot, 'caPem'>[]): Promise<string> {
  const file = join(dir, 'ca.pem');
  await writeFile(file, servers.map(({ caPem }) => caPem).join('\n'));
  return file;
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const HOST = '127.0.0.1';
const READY_MS = 120_000;
const STOP_MS = 20_000;

export interface GatewayOptions {
  /** The project's folder, where dist is. */
  readonly root: string;
  readonly dataDir: string;
  readonly port: number;
}

/** The gateway as a child process, with its own database below `dataDir` and leave to dial the demo's mail servers. */
export class GatewayProcess {
  readonly url: string;
  /** Resolves when the process has ended, asked or not. */
  readonly ended: Promise<void>;
  private readonly child: ChildProcess;

  private constructor(options: GatewayOptions) {
    this.url = `http://${HOST}:${options.port}`;
    this.child = spawn(process.execPath, [join(options.root, 'dist', 'main.js')], {
      cwd: options.root,
      env: environment(options),
      stdio: ['ignore', 'inherit', 'inherit'],
      // Ctrl-C at a terminal goes to the whole process group: the gateway is stopped by us alone, and once.
      detached: true,
    });
    process.once('exit', () => this.child.kill('SIGTERM'));
    this.ended = once(this.child, 'exit').then(() => undefined);
  }

  get running(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** @throws when the port is taken: then another gateway might answer in this one's place */
  static async start(options: GatewayOptions): Promise<GatewayProcess> {
    const probe = createServer().listen(options.port, HOST);
    try {
      await once(probe, 'listening');
    } catch (cause) {
      throw new Error(`Port ${options.port} is taken; choose another: PORT=4001 script/server --demo`, { cause });
    }
    await new Promise((resolve) => probe.close(resolve));
    return new GatewayProcess(options);
  }

  /** @throws when the process ends, or is not ready within two minutes; what it wrote says why */
  async ready(): Promise<void> {
    const deadline = Date.now() + READY_MS;
    while (!(await this.answers())) {
      if (!this.running) throw new Error('The gateway ended before it was ready.');
      if (Date.now() > deadline) throw new Error('The gateway was not ready in time.');
      await delay(100);
    }
  }

  /** Asks it to end, and after 20 s no longer asks. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.child.kill('SIGTERM');
    const impatience = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(impatience);
  }

  private async answers(): Promise<boolean> {
    try {
      const response = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(2_000) });
      return response.ok;
    } catch {
      return false;
    }
  }
}

// What a person has set for their real gateway (its database, its keys) must not reach the demo.
function environment({ dataDir, port }: GatewayOptions): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, TZ, LOG_LEVEL = 'warn' } = process.env;
  return {
    PATH,
    HOME,
    TMPDIR,
    TZ,
    LOG_LEVEL,
    HOST,
    PORT: String(port),
    DATA_DIR: dataDir,
    MAIL_HOST_ALLOW: '127.0.0.0/8',
    MAIL_PORT_ALLOW: '*',
    MAIL_ALLOW_PLAINTEXT: 'true',
  };
}

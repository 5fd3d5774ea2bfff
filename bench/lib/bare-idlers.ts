import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Dovecot } from '../../test/servers/dovecot.js';
import { ProcessGauge } from './process-gauge.js';

const PROGRAM = fileURLToPath(new URL('hold-idle.mjs', import.meta.url));

/** Bare imapflow objects in IDLE, in a process of their own. */
export class BareIdlers {
  readonly gauge: ProcessGauge;
  private readonly answers: Interface;

  private constructor(
    private readonly child: ChildProcessByStdio<Writable, Readable, null>,
    private readonly dovecot: Dovecot,
  ) {
    this.gauge = new ProcessGauge(child.pid ?? 0);
    this.answers = createInterface({ input: child.stdout });
    process.once('exit', () => child.kill());
  }

  static start(dovecot: Dovecot): BareIdlers {
    const server = { host: dovecot.host, port: dovecot.imap.tlsPort, ca: dovecot.caPem };
    const env = { PATH: process.env.PATH, IDLE_SERVER: JSON.stringify(server) };
    const child = spawn(process.execPath, [PROGRAM], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    return new BareIdlers(child, dovecot);
  }

  /** Resolves when all of them are in IDLE. @throws when the process ends over it */
  async add(users: readonly string[]): Promise<void> {
    const ended = new AbortController();
    const exited = once(this.child, 'exit', { signal: ended.signal }).then(() => {
      throw new Error('the process of bare imapflow objects has ended');
    });
    exited.catch(() => undefined);
    const ready = once(this.answers, 'line');
    this.child.stdin.write(`${JSON.stringify(users.map((user) => ({ user, pass: this.dovecot.users.get(user) })))}\n`);
    await Promise.race([ready, exited]);
    ended.abort();
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.stdin.end();
    await ended;
  }
}

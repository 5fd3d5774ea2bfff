import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SERVER_PATH } from './run-as.js';
import type { UnprivilegedUser } from './unprivileged-user.js';

const START_MS = 10_000;
const STOP_MS = 5_000;

/** One run of the Dovecot master: from `dovecot -F` until it answers, and from SIGTERM until it is gone. */
export class DovecotProcess {
  private child: ChildProcess | undefined;
  private readonly killWithParent = () => {
    if (this.child?.pid !== undefined) process.kill(-this.child.pid, 'SIGKILL');
  };

  constructor(
    private readonly dir: string,
    private readonly owner: UnprivilegedUser,
  ) {}

  /** @throws with the end of the server's log when `port` does not greet within 10 s. */
  async start(port: number): Promise<void> {
    const child = spawn('dovecot', ['-F', '-c', `${this.dir}/dovecot.conf`], {
      uid: this.owner.uid,
      gid: this.owner.gid,
      env: { PATH: SERVER_PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
      // Its own process group, so that its children can be ended with it.
      detached: true,
    });
    this.child = child;
    process.once('exit', this.killWithParent);
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    child.on('error', (error) => (complaint += error.message));
    const deadline = Date.now() + START_MS;
    while (!(await greets(port))) {
      if (child.pid === undefined || child.exitCode !== null || Date.now() > deadline) {
        await this.kill();
        throw new Error(`Dovecot did not start: ${complaint}\n${await this.logTail()}`);
      }
      await delay(10);
    }
  }

  /** Lets the server close its connections and write what it holds. */
  async stop(): Promise<void> {
    await this.end((master) => process.kill(master, 'SIGTERM'));
  }

  /** Ends the master and all its children at once. */
  async kill(): Promise<void> {
    await this.end((master) => process.kill(-master, 'SIGKILL'));
  }

  private async end(signal: (master: number) => void): Promise<void> {
    const child = this.child;
    this.child = undefined;
    process.off('exit', this.killWithParent);
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    const group = -child.pid;
    signal(child.pid);
    const impatience = setTimeout(() => process.kill(group, 'SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(impatience);
  }

  /** The last lines of the server's log, to be shown when a test fails. */
  async logTail(lines = 40): Promise<string> {
    const log = await readFile(`${this.dir}/log`, 'utf8').catch(() => '(no log)');
    return log.split('\n').slice(-lines).join('\n');
  }
}

/** Whether somebody listens there and speaks first, as IMAP and POP3 servers do. */
async function greets(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'data', { signal: AbortSignal.timeout(2_000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

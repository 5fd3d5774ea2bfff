import type { Client } from 'pg';
import { sleep } from '../../common/sleep.js';
import { openSession } from './session.js';

/** Of the two-number kind, in a database where nobody else locks anything. */
const lockArguments = '1, 1';
/** For a killed gateway's session to be noticed by the server. */
const patienceMs = 3_000;
const pollMs = 100;

/**
 * That this gateway, and no other, starts and stops the server: an advisory lock held by a session for as long as the gateway
 * lives. The server drops it when the process dies, however it dies, and it holds across containers; a file with a process id
 * would have to be judged stale or not, which a reused id or a container's own numbering gets wrong.
 */
export class GatewayLock {
  private released = false;

  private constructor(private readonly session: Client) {}

  /**
   * @param onLost called once when the session ends before it is released: the server is gone, or has dropped it
   * @returns undefined where another gateway holds it
   */
  static async acquire(socketDirectory: string, onLost: () => void): Promise<GatewayLock | undefined> {
    const session = await openSession(socketDirectory);
    try {
      if (!(await locks(session))) {
        await session.end();
        return undefined;
      }
    } catch (error) {
      await session.end().catch(() => undefined);
      throw error;
    }
    const lock = new GatewayLock(session);
    session.once('end', () => {
      if (!lock.released) onLost();
    });
    return lock;
  }

  /** Creates the gateway's own role and database, where they are missing. */
  async ensureDatabase(name: string): Promise<void> {
    // No superuser: what the gateway sends may be fooled into much, but not into running programs or reading files.
    if (!(await this.exists('SELECT 1 FROM pg_roles WHERE rolname = $1', name)))
      await this.session.query(`CREATE ROLE ${name} LOGIN`);
    if (!(await this.exists('SELECT 1 FROM pg_database WHERE datname = $1', name)))
      await this.session.query(`CREATE DATABASE ${name} OWNER ${name}`);
  }

  private async exists(sql: string, name: string): Promise<boolean> {
    return (await this.session.query(sql, [name])).rows.length > 0;
  }

  async release(): Promise<void> {
    this.released = true;
    await this.session.end().catch(() => undefined);
  }

  /** From here on the session may end without `onLost`. */
  expectEnd(): void {
    this.released = true;
  }
}

async function locks(session: Client): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const { rows } = await session.query<{ ok: boolean }>(`SELECT pg_try_advisory_lock(${lockArguments}) AS ok`);
    if (rows[0]?.ok) return true;
    if (Date.now() > deadline) return false;
    await sleep(pollMs);
  }
}

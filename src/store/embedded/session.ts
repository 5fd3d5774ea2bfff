import { Client } from 'pg';
import { systemErrorCode } from '../../common/system-error-code.js';
import { SUPERUSER } from './init-cluster.js';
import { SOCKET_PORT } from './socket-directory.js';

const connectTimeoutMs = 5_000;
const queryTimeoutMs = 30_000;

/** SQLSTATE of a server that starts, recovers or stops. */
const CANNOT_CONNECT_NOW = '57P03';

/** A session of the supervisor's own, in the maintenance database: what it locks there collides with nothing of the gateway. */
export async function openSession(socketDirectory: string): Promise<Client> {
  const session = new Client({
    host: socketDirectory,
    port: SOCKET_PORT,
    user: SUPERUSER,
    database: 'postgres',
    // Set, so that PG* variables of the environment do not decide.
    ssl: false,
    password: '',
    application_name: `mailroom supervisor of process ${process.pid}`,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
  });
  // `end` follows; an unheard `error` would end the process.
  session.on('error', () => undefined);
  await session.connect();
  return session;
}

export type Probe = 'ready' | 'busy' | 'absent';

/** Whether a server of this very cluster answers there. */
export async function probe(socketDirectory: string, cluster: string): Promise<Probe> {
  let session: Client | undefined;
  try {
    session = await openSession(socketDirectory);
    const { rows } = await session.query<{ dir: string }>("SELECT current_setting('data_directory') AS dir");
    return rows[0]?.dir === cluster ? 'ready' : 'absent';
  } catch (error) {
    return systemErrorCode(error) === CANNOT_CONNECT_NOW ? 'busy' : 'absent';
  } finally {
    await session?.end().catch(() => undefined);
  }
}

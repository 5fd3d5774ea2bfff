import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import type { MailboxId } from '../mailbox/model/ids.js';
import { SessionClients } from '../store/session-client.js';
import { select } from '../store/sql.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { InstanceSession } from './instance-session.js';
import { PostgresMailboxLocks } from './postgres-mailbox-locks.js';

let database: TestDatabase;
let dataSource: DataSource;
const sessions: InstanceSession[] = [];
const inbox = 'inbox' as MailboxId;
const trash = 'trash' as MailboxId;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({ type: 'postgres', url: database.url, poolSize: 2 }).initialize();
}, 60_000);

afterEach(() => Promise.all(sessions.splice(0).map((session) => session.close())));

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

function instance(): PostgresMailboxLocks {
  const session = new InstanceSession(new SessionClients(dataSource));
  sessions.push(session);
  return new PostgresMailboxLocks(session);
}

/** Work that lasts until it is let go. */
function work() {
  let begin!: () => void;
  let end!: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { begun, end, run: () => (begin(), ended) };
}

describe('PostgresMailboxLocks', () => {
  it('lets one instance at a time work on a mailbox', async () => {
    const locks = [instance(), instance(), instance()];
    let inside = 0;
    let most = 0;
    const turn = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await select(dataSource, 'SELECT 1');
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 60 }, (_, n) => locks[n % 3]!.lock([inbox], turn)));
    expect(most).toBe(1);
  });

  it('keeps nobody from other mailboxes', async () => {
    const [one, two] = [instance(), instance()];
    const first = work();
    const holding = one.lock([inbox], first.run);
    await first.begun;
    await expect(two.lock([trash], async () => 'done')).resolves.toBe('done');
    first.end();
    await holding;
  });

  it('takes several in one order, so that two instances never wait for each other', async () => {
    const [one, two] = [instance(), instance()];
    const turns = Array.from({ length: 20 }, (_, n) =>
      (n % 2 ? one : two).lock(n % 3 ? [inbox, trash] : [trash, inbox], () => select(dataSource, 'SELECT 1')),
    );
    await expect(Promise.all(turns)).resolves.toHaveLength(20);
  });

  it('gives the lock of an instance that died to the next', async () => {
    const [one, two] = [instance(), instance()];
    const first = work();
    const holding = one.lock([inbox], first.run);
    await first.begun;
    const next = two.lock([inbox], async () => 'taken');
    await select(
      dataSource,
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()',
      [`mailroom instance ${sessions[0]!.id}`],
    );
    await expect(next).resolves.toBe('taken');
    first.end();
    await holding;
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { until } from '../../test/e2e/gateway-client.js';
import { ChangeLogRepository } from '../events/change-log.repository.js';
import { uid, uidValidity, type AccountId, type MailboxId } from '../mailbox/model/ids.js';
import { NO_FLAGS } from '../mailbox/model/message.js';
import type { MirrorTransaction } from './mirror.port.js';
import { PostgresMirrorStore } from './postgres-mirror.store.js';
import type { PostgresMirrorTransaction } from './postgres-mirror-transaction.js';
import { select } from './sql.js';

const batch = 250;

let database: TestDatabase;
let dataSource: DataSource;
let store: PostgresMirrorStore;
let accountId: AccountId;
let inbox: MailboxId;

async function insert(first: number): Promise<void> {
  const rows = Array.from({ length: batch }, (_, i) => ({
    data: {
      envelope: emptyEnvelope,
      flags: NO_FLAGS,
      internalDate: new Date((first + i) * 60_000),
      sizeBytes: 100,
      parseWarnings: [],
    },
    remote: { uidValidity: uidValidity(1), uid: uid(first + i) },
    initial: true,
  }));
  await store.write(accountId, (tx) => tx.insertMessages(inbox, rows));
}

/** Rows of a table that Postgres read in one transaction. */
const rowsRead = (table: string, work: (tx: MirrorTransaction) => Promise<unknown>): Promise<number> =>
  store.write(accountId, async (tx) => {
    await work(tx);
    const [row] = await select<{ count: string }>(
      (tx as PostgresMirrorTransaction).manager,
      `SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) AS count FROM pg_stat_xact_user_tables WHERE relname = $1`,
      [table],
    );
    return Number(row!.count);
  });

/** Before the first look at a table of less than some hundred rows, all of them may be read. */
describe.each([500, 6_000])('rows that are read in a mailbox of %i that has just been filled and looked at', (many) => {
  const uids = [uid(17), uid(0.7 * many), uid(many)];
  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
    store = new PostgresMirrorStore(dataSource);
    // What is shown here must not wait for the server's own rounds.
    await select(dataSource, 'ALTER TABLE message SET (autovacuum_enabled = off)');
    await select(dataSource, 'ALTER TABLE change SET (autovacuum_enabled = off)');
    accountId = await insertAccount(dataSource);
    inbox = await store.write(accountId, (tx) =>
      tx.insertMailbox({ path: 'INBOX', subscribed: true, selectable: true, complete: false }),
    );
    for (let first = 1; first <= many; first += batch) await insert(first);
    await until(
      () => select<{ n: string }>(dataSource, `SELECT reltuples AS n FROM pg_class WHERE relname = 'message'`),
      ([row]) => Number(row?.n) >= many / 3,
    );
  }, 60_000);

  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });
  let refs: Awaited<ReturnType<MirrorTransaction['findByUid']>>;
  beforeEach(async () => {
    refs = await store.write(accountId, (tx) => tx.findByUid(inbox, uidValidity(1), uids));
  });

  it('to find messages by UID are those found', async () => {
    expect(refs).toHaveLength(3);
    expect(await rowsRead('message', (tx) => tx.findByUid(inbox, uidValidity(1), uids))).toBeLessThanOrEqual(
      2 * refs.length,
    );
  });

  it('to change flags are a few for each message', async () => {
    const flags = refs.map(({ id }) => ({ id, flags: { ...NO_FLAGS, flagged: true } }));
    expect(await rowsRead('message', (tx) => tx.updateFlags(flags))).toBeLessThanOrEqual(8 * refs.length);
  });

  it('to trim the change log are none where nothing is old', async () => {
    const before = await changeRowsRead();
    await new ChangeLogRepository(dataSource).trim(new Date(0));
    await until(changeRowsRead, (now) => now > before);
    expect((await changeRowsRead()) - before).toBeLessThanOrEqual(2);
  });
});

async function changeRowsRead(): Promise<number> {
  await select(dataSource, 'SELECT pg_stat_force_next_flush()').catch(() => undefined);
  const [row] = await select<{ count: string }>(
    dataSource,
    `SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) AS count FROM pg_stat_user_tables WHERE relname = 'change'`,
  );
  return Number(row!.count);
}

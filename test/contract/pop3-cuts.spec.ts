import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import type { Pop3Account } from '../../src/accounts/account.js';
import type { GatewayKeeper } from '../../src/mailbox/keeper.port.js';
import { changePosition, type AccountId } from '../../src/mailbox/model/ids.js';
import { Pop3Adapter } from '../../src/pop3/pop3.adapter.js';
import { PostgresDownloadLedger } from '../../src/store/postgres-download-ledger.repository.js';
import { PostgresMirrorStore } from '../../src/store/postgres-mirror.store.js';
import { select } from '../../src/store/sql.js';
import { message } from '../factories/messages.js';
import { insertAccount } from '../factories/stored-account.js';
import { CuttingProxy, type Cut } from '../servers/cutting-proxy.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { createTestDatabase, type TestDatabase } from '../servers/postgres.js';

const runs = Number(process.env.POP3_CUT_RUNS ?? 12);
const messages = Number(process.env.POP3_CUT_MESSAGES ?? 60);
const cutsPerRun = 5;

const sha256 = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex');

let database: TestDatabase;
let dataSource: DataSource;
let mirror: PostgresMirrorStore;
let ledger: PostgresDownloadLedger;
let dovecot: Dovecot;
let proxy: CuttingProxy;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  mirror = new PostgresMirrorStore(dataSource);
  ledger = new PostgresDownloadLedger(dataSource);
  dovecot = await startDovecot();
  proxy = await CuttingProxy.start(dovecot.pop3.port);
}, 60_000);

afterAll(async () => {
  await proxy.close();
  await dataSource.destroy();
  await database.drop();
  await dovecot.stop();
});

function keeperOf(accountId: AccountId, username: string): GatewayKeeper {
  const { port } = proxy;
  const account: Pop3Account = {
    id: accountId,
    name: 'a',
    protocol: 'POP3',
    server: { host: 'localhost', port, security: 'NONE', username, authentication: 'PASSWORD' },
    status: { state: 'ONLINE', since: new Date() },
    changePosition: changePosition(0),
    version: 0n,
    createdAt: new Date(),
    policy: { afterDownload: 'DELETE', deleteWhenExpunged: false, pollIntervalSeconds: 300 },
    poll: {},
  };
  return new Pop3Adapter(mirror, ledger).open(account, {
    ...account.server,
    accountId,
    secret: async () => ({ kind: 'password', password: 'secret' }),
    resolve: async () => ({ host: 'localhost', port, addresses: ['127.0.0.1'] }),
  }) as GatewayKeeper;
}

async function newUser(run: number): Promise<{ user: string; accountId: AccountId; expected: readonly string[] }> {
  const user = `cut${run}`;
  await dovecot.addUser(user, 'secret');
  const accountId = await insertAccount(dataSource, 'POP3');
  await mirror.write(accountId, (tx) =>
    tx.insertMailbox({ path: 'INBOX', specialUse: 'INBOX', subscribed: true, selectable: true, complete: false }),
  );
  const expected: string[] = [];
  for (let i = 0; i < messages; i += 1) {
    const body = `${'.'.repeat(i % 3)}line ${i}\n`.repeat(1 + ((i * 37) % 400));
    const octets = message({ subject: `number ${i}`, messageId: `${i}@cut.example`, body });
    await dovecot.deliver(user, octets);
    expected.push(`${i}@cut.example ${sha256(octets)}`);
  }
  return { user, accountId, expected: expected.toSorted() };
}

/** What the gateway shows, with the hash of the octets it really has. */
async function stored(accountId: AccountId): Promise<readonly string[]> {
  const rows = await select<{ message_id: string; octets: Buffer }>(
    dataSource,
    `SELECT m.message_id, (SELECT string_agg(c.octets, ''::bytea ORDER BY c.seq) FROM content_chunk c
       WHERE c.account_id = m.account_id AND c.content_id = m.content_id) AS octets
     FROM message m WHERE m.account_id = $1`,
    [accountId],
  );
  return rows.map(({ message_id, octets }) => `${message_id} ${sha256(octets)}`).toSorted();
}

async function missing(user: string, accountId: AccountId, expected: readonly string[]): Promise<readonly string[]> {
  // The gateway last: what moves between the two answers moves to it.
  const onServer = new Set((await dovecot.listMessages(user)).map(({ messageId }) => messageId.slice(1, -1)));
  const here = new Set(await stored(accountId));
  return expected.filter((one) => !here.has(one) && !onServer.has(one.split(' ')[0]!));
}

/** Most of a download's octets go to the client; the last ones to the server decide what is deleted. */
function randomCut(run: number): Cut {
  const most = 20 * messages;
  return run % 2 === 0
    ? { direction: 'toServer', afterBytes: Math.floor(Math.random() * most) }
    : { direction: 'toClient', afterBytes: Math.floor(Math.random() ** 2 * 2_200 * messages) };
}

describe('connections cut at a random octet', () => {
  it(`loses nothing at any moment and doubles nothing, ${runs} downloads of ${messages} with policy DELETE`, async () => {
    let cuts = 0;
    for (let run = 0; run < runs; run += 1) {
      const { user, accountId, expected } = await newUser(run);
      for (let i = 0; i < cutsPerRun; i += 1) {
        proxy.cut = randomCut(run + i);
        const failed = await keeperOf(accountId, user)
          .poll(0n, () => undefined, AbortSignal.timeout(30_000))
          .then(
            () => false,
            () => true,
          );
        cuts += Number(failed);
        expect({ cut: proxy.cut, missing: await missing(user, accountId, expected) }).toMatchObject({ missing: [] });
        await select(dataSource, `UPDATE uidl SET failed_at = now() - interval '2 days' WHERE account_id = $1`, [
          accountId,
        ]);
      }
      proxy.cut = undefined;
      for (let left = 3; left > 0; left -= 1) {
        await keeperOf(accountId, user).poll(0n, () => undefined, AbortSignal.timeout(30_000));
      }
      expect(await stored(accountId)).toEqual(expected);
      expect(await dovecot.listMessages(user)).toEqual([]);
    }
    expect(cuts).toBeGreaterThan(runs);
  }, 1_800_000);
});

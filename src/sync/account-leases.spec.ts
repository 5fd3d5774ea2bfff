import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { ACCOUNT_CHANNEL } from '../accounts/account-channel.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { Notifications } from '../store/notifications.js';
import { PostgresMirrorStore } from '../store/postgres-mirror.store.js';
import { SessionClients } from '../store/session-client.js';
import { select } from '../store/sql.js';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { AccountLeases } from './account-leases.js';
import { AccountShares } from './account-shares.js';
import { InstanceLease } from './instance-lease.js';
import { InstanceSession } from './instance-session.js';
import { ownProcess } from './own-process.js';

let database: TestDatabase;
let dataSource: DataSource;
let accountId: AccountId;
const instances: Instance[] = [];
const { signal } = new AbortController();

/** One instance's half of the agreement, without anything that it would watch. */
class Instance {
  readonly session = new InstanceSession(new SessionClients(dataSource));
  readonly lease = new InstanceLease(this.session);
  readonly accounts = new AccountLeases(this.session);
  readonly notifications = new Notifications(new SessionClients(dataSource));
  readonly shares = new AccountShares(this.session, this.notifications);
  readonly heard: string[] = [];
  expired = 0;

  static async start(): Promise<Instance> {
    const instance = new Instance();
    instances.push(instance);
    await instance.lease.start(() => (instance.expired += 1));
    instance.shares.onModuleInit();
    const ready = new Promise<void>((resolve) =>
      instance.notifications.on(ACCOUNT_CHANNEL, (id) => (id === undefined ? resolve() : instance.heard.push(id))),
    );
    instance.notifications.onApplicationBootstrap();
    await ready;
    return instance;
  }

  async stop(): Promise<void> {
    await this.notifications.onApplicationShutdown();
    await this.lease.giveBack();
    await this.session.close();
  }

  /** As when its machine froze a while ago. */
  async outlive(): Promise<void> {
    await select(dataSource, `UPDATE instance SET lease_until = now() - interval '1 second' WHERE id = $1`, [
      this.session.id,
    ]);
  }
}

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({ type: 'postgres', url: database.url, poolSize: 4 }).initialize();
}, 60_000);

beforeEach(async () => {
  accountId = await insertAccount(dataSource);
});

afterEach(async () => {
  await Promise.all(instances.splice(0).map((instance) => instance.stop()));
  await select(dataSource, 'DELETE FROM account');
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

describe('leases of accounts', () => {
  it('are taken by one instance, whoever asks at the same time', async () => {
    const all = await Promise.all([Instance.start(), Instance.start(), Instance.start()]);
    const taken = await Promise.all(all.map(({ accounts }) => accounts.acquire(accountId)));
    expect(taken.filter(Boolean)).toEqual([{ epoch: 1n, version: 0n }]);
    const owners = await Promise.all(all.map(async ({ accounts }) => (await accounts.find(accountId))?.owner));
    expect(owners.filter((owner) => owner === 'me')).toHaveLength(1);
    expect(owners.filter((owner) => owner === 'other')).toHaveLength(2);
  });

  it('pass on when their instance is dead, and fence its writes', async () => {
    const [one, two] = [await Instance.start(), await Instance.start()];
    const first = await one.accounts.acquire(accountId);
    expect(await two.accounts.mineAndFree()).toEqual([]);
    await one.outlive();
    expect(await two.accounts.mineAndFree()).toEqual([{ accountId, version: 0n, paused: false, owner: 'nobody' }]);
    expect(await two.accounts.acquire(accountId)).toEqual({ epoch: 2n, version: 0n });
    const mirror = new PostgresMirrorStore(dataSource);
    const late = mirror.write(accountId, async () => 'written', { epoch: first?.epoch });
    await expect(late).rejects.toMatchObject({ code: 'CONFLICT' });
    // Nor does it give back what is not its own any more.
    await one.accounts.release(accountId, first!);
    expect((await two.accounts.find(accountId))?.owner).toBe('me');
  });

  it('are not to be had by an instance whose own time is over, nor of an account that is paused', async () => {
    const [one, two] = [await Instance.start(), await Instance.start()];
    await one.outlive();
    expect(await one.accounts.acquire(accountId)).toBeUndefined();
    await select(dataSource, `UPDATE account SET state = 'PAUSED' WHERE id = $1`, [accountId]);
    expect(await two.accounts.acquire(accountId)).toBeUndefined();
    expect(await two.accounts.mineAndFree()).toEqual([]);
  });

  it('are told of when they are given back', async () => {
    const [one, two] = [await Instance.start(), await Instance.start()];
    const lease = await one.accounts.acquire(accountId);
    await one.accounts.release(accountId, lease!);
    expect((await two.accounts.find(accountId))?.owner).toBe('nobody');
    while (two.heard.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(two.heard).toEqual([accountId]);
  });

  it('outlast a database session that is lost, but not their instance: its session ends with it', async () => {
    const [one, two] = [await Instance.start(), await Instance.start()];
    await one.accounts.acquire(accountId);
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()`;
    const name = `mailroom instance ${one.session.id}`;
    await select(dataSource, kill, [name]);
    expect(one.lease.isValid).toBe(true);
    expect((await two.accounts.find(accountId))?.owner).toBe('other');

    // The loss may be noticed by this very query.
    const lock = () => one.session.query('SELECT pg_advisory_lock(1)');
    await lock().catch(lock);
    await one.outlive();
    const third = await Instance.start();
    expect(await third.session.query('SELECT pg_try_advisory_lock(1) AS ok')).toEqual([{ ok: true }]);
    expect(one.expired).toBe(0);
  });
});

describe('after a crash', () => {
  it('nobody waits for the lease of a process that is gone, and one that lives keeps its own', async () => {
    const self = await ownProcess();
    if (!self) return;
    const { pid } = spawnSync(process.execPath, ['--version']);
    const owners = await Promise.all(
      [pid, process.ppid].map(async (processId) => {
        const id = await insertAccount(dataSource);
        await select(
          dataSource,
          `WITH it AS (INSERT INTO instance (id, lease_until, process_space, process_id)
             VALUES (gen_random_uuid(), now() + interval '1 minute', $2, $3) RETURNING id)
           UPDATE account SET owner = it.id FROM it WHERE account.id = $1`,
          [id, self.space, processId],
        );
        return id;
      }),
    );
    const { accounts } = await Instance.start();
    const claims = await Promise.all(owners.map((id) => accounts.find(id)));
    expect(claims.map((claim) => claim?.owner)).toEqual(['nobody', 'other']);
  });
});

describe('connections for commands', () => {
  it('are two for the owner as long as nobody else needs one', async () => {
    const [owner, guest] = [await Instance.start(), await Instance.start()];
    owner.shares.setOwned(accountId, true);
    const take = (instance: Instance, patient = false) => instance.shares.of(accountId).take(patient, signal);
    const first = await take(owner, true);
    const second = await take(owner);
    expect(first && second).toBeDefined();
    expect(await take(owner)).toBeUndefined();
    expect(await take(guest)).toBeUndefined();

    // The guest has none and waits: the owner hears of it, and closes the one that it can spare.
    let told = 0;
    first?.onWanted(() => (told += 1));
    second?.onWanted(() => second.release());
    const guests = await take(guest, true);
    expect(guests).toBeDefined();
    expect(told).toBe(0);
    expect(await take(owner)).toBeUndefined();
    guests?.release();
    guests?.release();
    for (let again; !again;) again = await take(owner);
  });

  it('come to who has none, however often who has one asks for another', async () => {
    const [owner, guest] = [await Instance.start(), await Instance.start()];
    owner.shares.setOwned(accountId, true);
    const shares = owner.shares.of(accountId);
    await shares.take(true, signal);
    const extra = await shares.take(false, signal);
    extra?.onWanted(() => extra.release());
    const served = new AbortController();
    const guests = guest.shares
      .of(accountId)
      .take(true, signal)
      .finally(() => served.abort());
    while (!served.signal.aborted) {
      const again = await shares.take(false, signal);
      again?.onWanted(() => again.release());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect(guests).resolves.toBeDefined();
  });

  it('go from guest to guest, and are not held by the dead', async () => {
    const [one, two] = [await Instance.start(), await Instance.start()];
    const held = await one.shares.of(accountId).take(true, signal);
    held?.onWanted(() => held.release());
    const next = await two.shares.of(accountId).take(true, signal);
    expect(next).toBeDefined();
    await two.outlive();
    expect(await one.shares.of(accountId).take(true, signal)).toBeDefined();
  });

  it('are waited for by turns within one instance, and not for longer than a caller wants', async () => {
    const one = await Instance.start();
    const shares = one.shares.of(accountId);
    const held = await shares.take(true, signal);
    const late = AbortSignal.timeout(50);
    await expect(shares.take(true, late)).rejects.toMatchObject({ code: 'TIMEOUT', retryable: true });
    const next = shares.take(true, signal);
    held?.release();
    expect(await next).toBeDefined();
  });
});

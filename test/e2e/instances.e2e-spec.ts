import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { message } from '../factories/messages.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { addAccount, imapInput, pop3Input, synchronised } from './accounts.js';
import { until, type GatewayClient, type Subscription } from './gateway-client.js';
import { GatewayProcess } from './gateway-process.js';

const takeOverWithinMs = 15_000;
const handOverWithinMs = 2_000;

let dovecot: Dovecot;
let one: GatewayProcess;
let two: GatewayProcess;

beforeAll(async () => {
  const users = ['ann', 'bob', 'cat', 'dan', 'eve', 'fay', 'gus', 'hal', 'ivy', 'jon', 'kim'];
  dovecot = await startDovecot({ users: Object.fromEntries(users.map((user) => [user, `secret of ${user}`])) });
  one = await GatewayProcess.prepare(dovecot);
  two = await one.another();
  await Promise.all([one.start(), two.start()]);
}, 60_000);

afterAll(async () => {
  await two.stop();
  await one.stop();
  await dovecot.stop();
});

// ---------------------------------------------------------------- what the API says

interface Page<T> {
  page: { nodes: T[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
}
interface Change {
  __typename: string;
  cursor: string;
  message?: { id: string; messageId: string };
  messageId?: string;
}

/** Message-IDs as listed, page by page. */
async function listed(client: GatewayClient, id: string): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | null = null; ;) {
    const { page }: Page<{ messageId: string }> = await client.query<Page<{ messageId: string }>>(
      `query ($after: String, $id: ID!) { page: messages(first: 200, after: $after, filter: { accountIds: [$id] }) {
        nodes { messageId } pageInfo { hasNextPage endCursor } } }`,
      { after, id },
    );
    ids.push(...page.nodes.map((node) => node.messageId));
    if (!page.pageInfo.hasNextPage) return ids.sort();
    after = page.pageInfo.endCursor;
  }
}

async function changesSince(client: GatewayClient, id: string, since: string): Promise<Change[]> {
  const all: Change[] = [];
  for (let cursor = since; ;) {
    const { changes } = await client.query<{ changes: { changes: Change[]; cursor: string; hasMore: boolean } }>(
      `query ($id: ID!, $since: ChangeCursor!) { changes(accountId: $id, since: $since, first: 200) {
        changes { __typename cursor ... on MessageAdded { message { id messageId } } ... on MessageRemoved { messageId } }
        cursor hasMore } }`,
      { id, since: cursor },
    );
    all.push(...changes.changes);
    if (!changes.hasMore) return all;
    cursor = changes.cursor;
  }
}

const cursorOf = async (client: GatewayClient, id: string): Promise<string> =>
  (
    await client.query<{ account: { changeCursor: string } }>(
      'query ($id: ID!) { account(id: $id) { changeCursor } }',
      {
        id,
      },
    )
  ).account.changeCursor;

const CHANGES = `subscription ($id: ID!, $since: [ResumePoint!]) { changes(accountIds: [$id], since: $since) {
  __typename cursor ... on MessageAdded { message { messageId } } ... on MessageUpdated { message { flagged } } } }`;
interface ChangeEvent {
  changes: { __typename: string; cursor: string; message?: { messageId: string; flagged: boolean } };
}

const mutate = (client: GatewayClient, field: string, id: string) =>
  client.query<Record<string, { errors: { code: string }[] }>>(
    `mutation ($id: ID!) { ${field}(accountId: $id) { errors { code message } } }`,
    { id },
  );

const stateOf = async (client: GatewayClient, id: string): Promise<string> =>
  (
    await client.query<{ account: { status: { state: string } } }>(
      'query ($id: ID!) { account(id: $id) { status { state } } }',
      { id },
    )
  ).account.status.state;

// ---------------------------------------------------------------- mail that arrives

/** Mail for one user, one every so often, until it is stopped. */
class Deliveries {
  readonly ids: string[] = [];
  private going = true;
  private readonly done: Promise<void>;

  constructor(
    private readonly user: string,
    private readonly everyMs: number,
  ) {
    this.done = this.run();
  }

  async stop(): Promise<readonly string[]> {
    this.going = false;
    await this.done;
    return [...this.ids].sort();
  }

  private async run(): Promise<void> {
    while (this.going) {
      await deliver(this.user, `${this.user}-${this.ids.length}`);
      this.ids.push(`${this.user}-${this.ids.length}@instances.example`);
      await new Promise((resolve) => setTimeout(resolve, this.everyMs));
    }
  }
}

const deliver = (user: string, name: string): Promise<void> =>
  dovecot.deliver(user, message({ subject: name, messageId: `${name}@instances.example` }));

/** The process that watches a user's account. */
async function watcherOf(user: string): Promise<number | undefined> {
  const sql = 'SELECT i.process_id AS pid FROM account a JOIN instance i ON i.id = a.owner WHERE a.username = $1';
  return (await one.sql<{ pid: number }>(sql, [user]))[0]?.pid;
}

/** Added through the first instance, so watched there. */
async function addImap(user: string): Promise<string> {
  const id = await addAccount(one.client, { imap: imapInput(dovecot, user) });
  expect(await watcherOf(user)).toBe(one.pid);
  await synchronised(two.client, id);
  return id;
}

describe('two instances on one database', () => {
  it('tell subscribers of either what happens in an account that the first one watches', async () => {
    const id = await addImap('ann');
    const streams = [one.client, two.client].map((client) => client.subscribe<ChangeEvent>(CHANGES, { id }));
    await deliver('ann', 'hello');
    const added = await Promise.all(streams.map((s) => s.next(({ changes }) => changes.__typename === 'MessageAdded')));
    expect(added[0]).toEqual(added[1]);

    // A command through the instance that does not watch.
    const { page } = await two.client.query<Page<{ id: string }>>(
      'query ($id: ID!) { page: messages(filter: { accountIds: [$id] }) { nodes { id } } }',
      { id },
    );
    const UPDATE = `mutation ($ids: [ID!]!) { updateMessages(input: { ids: $ids, flagged: true }) { messages { flagged } errors { code } } }`;
    expect(await two.client.query(UPDATE, { ids: page.nodes.map((node) => node.id) })).toEqual({
      updateMessages: { messages: [{ flagged: true }], errors: [] },
    });
    const updated = await Promise.all(streams.map((s) => s.next(({ changes }) => changes.message?.flagged === true)));
    expect(updated[0]).toEqual(updated[1]);
    await Promise.all(streams.map((stream) => stream.close()));
  }, 60_000);
});

describe('an account that another instance watches', () => {
  it('has three connections at most, however much is asked of both', async () => {
    const id = await addImap('hal');
    for (let n = 0; n < 10; n += 1) await deliver('hal', `read-me-${n}`);
    await until(
      () => listed(two.client, id),
      (ids) => ids.length === 10,
    );
    const READ = `query ($id: ID!) { page: messages(first: 10, filter: { accountIds: [$id] }) { nodes { body { text } } } }`;
    const texts = new Set<string>();
    const readUntil = Date.now() + 3_000;
    const read = async (client: GatewayClient): Promise<number> => {
      let reads = 0;
      for (; Date.now() < readUntil; reads += 1) {
        const { page } = await client.query<Page<{ body: { text: string } }>>(READ, { id });
        for (const { body } of page.nodes) texts.add(body.text);
      }
      return reads;
    };
    const readers = [one, one, one, two, two, two].map(({ client }) => read(client));
    const counts: number[] = [];
    for (const end = Date.now() + 3_000; Date.now() < end;) counts.push(await sessionsOf('hal'));
    for (const reads of await Promise.all(readers)) expect(reads).toBeGreaterThan(0);
    expect(texts.size).toBe(1);
    expect(Math.max(...counts)).toBe(3);
  }, 60_000);

  it('pauses and resumes from anywhere', async () => {
    const id = await addImap('bob');
    expect(await mutate(two.client, 'pauseAccount', id)).toEqual({ pauseAccount: { errors: [] } });
    await deliver('bob', 'while-paused');
    expect(await sessionsOf('bob')).toBe(0);
    expect(await listed(one.client, id)).toEqual([]);

    expect(await mutate(two.client, 'resumeAccount', id)).toEqual({ resumeAccount: { errors: [] } });
    await until(
      () => listed(one.client, id),
      (ids) => ids.length === 1,
    );
    await until(
      () => stateOf(one.client, id),
      (state) => state === 'ONLINE',
    );
  }, 60_000);

  it('pauses where no notification told of it, too', async () => {
    await addImap('ivy');
    expect(await sessionsOf('ivy')).toBeGreaterThan(0);
    await one.sql(`UPDATE account SET state = 'PAUSED', version = version + 1 WHERE username = 'ivy'`);
    await until(
      () => sessionsOf('ivy'),
      (count) => count === 0,
      5_000,
    );
  }, 60_000);

  it('takes up new settings and credentials', async () => {
    const id = await addImap('cat');
    await dovecot.addUser('cat', 'another');
    await dovecot.kick('cat');
    await until(
      () => stateOf(two.client, id),
      (state) => state === 'AUTHENTICATION_FAILED',
    );
    const UPDATE = `mutation ($input: UpdateAccountInput!) { updateAccount(input: $input) { errors { code message } } }`;
    const input = { accountId: id, imap: { credentials: { password: 'another' } } };
    expect(await two.client.query(UPDATE, { input })).toEqual({ updateAccount: { errors: [] } });
    await until(
      () => stateOf(two.client, id),
      (state) => state === 'ONLINE',
      5_000,
    );
    await deliver('cat', 'with-the-new-password');
    await until(
      () => listed(two.client, id),
      (ids) => ids.length === 1,
    );
  }, 60_000);

  it('is synchronised on demand, and says what came of it', async () => {
    const id = await addAccount(one.client, { pop3: pop3Input(dovecot, 'dan') });
    await synchronised(two.client, id);
    await deliver('dan', 'to-be-fetched');
    const SYNC = `mutation ($id: ID!) { syncAccount(accountId: $id) { pop3 { downloaded } errors { code message } } }`;
    expect(await two.client.query(SYNC, { id })).toEqual({ syncAccount: { pop3: { downloaded: 1 }, errors: [] } });
    expect(await listed(two.client, id)).toEqual(['to-be-fetched@instances.example']);

    await dovecot.addUser('dan', 'another');
    expect(await two.client.query(SYNC, { id })).toEqual({
      syncAccount: { pop3: null, errors: [{ code: 'AUTHENTICATION_FAILED', message: expect.any(String) }] },
    });
  }, 60_000);

  it('is left alone when it is removed', async () => {
    const id = await addImap('eve');
    expect(await sessionsOf('eve')).toBeGreaterThan(0);
    const REMOVE = `mutation ($id: ID!) { removeAccount(input: { accountId: $id }) { removedAccountId errors { code } } }`;
    expect(await two.client.query(REMOVE, { id })).toEqual({ removeAccount: { removedAccountId: id, errors: [] } });
    expect(await sessionsOf('eve')).toBe(0);
  }, 60_000);
});

/** The server, the list and the log are one, and the log has each message once. */
async function arrivedOnce(user: string, id: string, since: string, messageIds: readonly string[]): Promise<void> {
  const all = [...messageIds].sort();
  await until(
    () => listed(two.client, id),
    (ids) => ids.length >= all.length,
  );
  expect(await listed(two.client, id)).toEqual(all);
  expect((await dovecot.listMessages(user)).map((m) => m.messageId.slice(1, -1)).sort()).toEqual(all);
  const changes = await changesSince(two.client, id, since);
  const added = changes.filter((change) => change.__typename === 'MessageAdded');
  expect(added.map((change) => change.message?.messageId ?? '').sort()).toEqual(all);
  expect(new Set(added.map((change) => change.message?.id)).size).toBe(all.length);
  expect(changes.filter((change) => change.__typename === 'MessageRemoved')).toEqual([]);
}

describe('when the database is away for a moment', () => {
  it('IMAP case 22: no event is lost or doubled', async () => {
    const id = await addImap('jon');
    const since = await cursorOf(two.client, id);
    const stream = two.client.subscribe<ChangeEvent>(CHANGES, { id });
    const arriving = new Deliveries('jon', 30);
    for (let cuts = 1; cuts <= 5; cuts += 1) {
      await until(
        async () => arriving.ids.length,
        (count) => count >= cuts * 15,
      );
      await one.sql(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
    }
    const ids = await arriving.stop();
    await arrivedOnce('jon', id, since, ids);
    const seen = new Set<string>();
    while (seen.size < ids.length) {
      const { changes } = await stream.next(({ changes: change }) => change.__typename === 'MessageAdded');
      expect(seen.has(changes.message?.messageId ?? '')).toBe(false);
      seen.add(changes.message?.messageId ?? '');
    }
    await stream.close();
  }, 60_000);
});

describe('when an instance ends', () => {
  it('by freezing, another takes over, and what the first one does late is refused', async () => {
    const id = await addImap('kim');
    const since = await cursorOf(two.client, id);
    const arriving = new Deliveries('kim', 100);
    await until(
      async () => arriving.ids.length,
      (count) => count >= 5,
    );
    one.freeze();
    const frozen = performance.now();
    await deliver('kim', 'while-frozen');
    await until(
      () => listed(two.client, id),
      (ids) => ids.includes('while-frozen@instances.example'),
    );
    expect(performance.now() - frozen).toBeLessThan(takeOverWithinMs);
    expect(await watcherOf('kim')).toBe(two.pid);
    one.thaw();
    await deliver('kim', 'after-the-thaw');
    await arrivedOnce('kim', id, since, [
      ...(await arriving.stop()),
      'while-frozen@instances.example',
      'after-the-thaw@instances.example',
    ]);
    // One watches, one or two run commands; what the first one had is closed.
    await until(
      () => sessionsOf('kim'),
      (count) => count <= 3,
      5_000,
    );
    await until(livingInstances, (count) => count === 2, 5_000);
  }, 60_000);

  it('IMAP case 21: by SIGKILL, another takes over within 15 s, and no event is lost or doubled', async () => {
    const id = await addImap('fay');
    const since = await cursorOf(two.client, id);
    const stream = two.client.subscribe<ChangeEvent>(CHANGES, { id });
    const arriving = new Deliveries('fay', 50);
    await until(
      async () => arriving.ids.length,
      (count) => count >= 20,
    );
    await one.kill();
    const killed = performance.now();
    await deliver('fay', 'after-the-end');
    await stream.next(({ changes }) => changes.message?.messageId === 'after-the-end@instances.example');
    const tookMs = performance.now() - killed;
    expect(tookMs).toBeLessThan(takeOverWithinMs);

    await arrivedOnce('fay', id, since, [...(await arriving.stop()), 'after-the-end@instances.example']);
    await stream.close();
    await one.start();
  }, 90_000);

  it('by SIGTERM, others have its accounts within 2 s, and who comes back with a cursor misses nothing', async () => {
    // Since the one before was killed, the second instance has everything.
    const id = await addAccount(two.client, { imap: imapInput(dovecot, 'gus') });
    await synchronised(two.client, id);
    const start = await cursorOf(two.client, id);
    const seen: ChangeEvent['changes'][] = [];
    const arriving = new Deliveries('gus', 50);
    const streams = [
      two.client.subscribe<ChangeEvent>(CHANGES, { id }),
      two.client.subscribeSse<ChangeEvent>(CHANGES, { id }),
    ];
    const broken = streams.map((stream) => drain(stream, stream === streams[0] ? seen : []));
    await until(
      async () => seen.length,
      (count) => count >= 10,
    );

    const left = two.leave();
    const asked = performance.now();
    await deliver('gus', 'after-the-hand-over');
    const other = one.client.subscribe<ChangeEvent>(CHANGES, { id, since: [{ accountId: id, cursor: start }] });
    await other.next(({ changes }) => changes.message?.messageId === 'after-the-hand-over@instances.example');
    expect(performance.now() - asked).toBeLessThan(handOverWithinMs);
    const [socketEnd, sseEnd] = await Promise.all(broken);
    expect(socketEnd).toMatchObject({ code: 1012, reason: expect.stringContaining('resume from your cursor') });
    expect(String(sseEnd)).toMatch(/clos/i);
    expect(await left).toBe(0);

    const all = [...(await arriving.stop()), 'after-the-hand-over@instances.example'].sort();
    const rest = one.client.subscribe<ChangeEvent>(CHANGES, {
      id,
      since: [{ accountId: id, cursor: seen.at(-1)?.cursor ?? start }],
    });
    const ids = new Set<string>();
    const note = ({ message: added, __typename }: ChangeEvent['changes']): void => {
      if (__typename === 'MessageAdded') ids.add(added?.messageId ?? '');
    };
    seen.forEach(note);
    while (ids.size < all.length) note((await rest.next()).changes);
    expect([...ids].sort()).toEqual(all);
    await Promise.all([other.close(), rest.close()]);
    await two.start();
  }, 90_000);
});

/** Everything until the stream ends. @returns what it ended with */
async function drain(stream: Subscription<ChangeEvent>, into: ChangeEvent['changes'][]): Promise<unknown> {
  try {
    for (;;) into.push((await stream.next()).changes);
  } catch (error) {
    return error;
  }
}

const livingInstances = async (): Promise<number> =>
  (await two.sql<{ count: number }>('SELECT count(*)::integer FROM instance WHERE lease_until > now()'))[0]?.count ?? 0;

/** IMAP connections of a user that Dovecot has open. */
const sessionsOf = async (user: string): Promise<number> => (await dovecot.sessions(user)).length;

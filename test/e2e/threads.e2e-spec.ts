import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { message } from '../factories/messages.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { addAccount, imapInput, pop3Input, synchronised } from './accounts.js';
import { until, type GatewayClient } from './gateway-client.js';
import { TestGateway } from './test-gateway.js';

const users = { IMAP: 'ann', POP3: 'pop' } as const;
const hour = (n: number): Date => new Date(Date.UTC(2026, 0, 1, n));
const ann = { name: 'Ann', address: 'ann@example.org' };
const bob = { name: 'Bob', address: 'bob@example.org' };

let dovecot: Dovecot;
let gateway: TestGateway;
let client: GatewayClient;
const accounts = { IMAP: '', POP3: '' };

/** A message of that conversation, `n` hours into the day. */
const reply = (n: number, root: string, from = ann): Buffer =>
  message({
    subject: n === 0 ? root : `Re: ${root}`,
    from: `${from.name} <${from.address}>`,
    messageId: n === 0 ? root : `${n}.${root}`,
    receivedAt: hour(n),
    headers: n === 0 ? [] : [`References: <${root}>`],
  });
const deliver = (protocol: keyof typeof users, n: number, root: string, from = ann): Promise<void> =>
  dovecot.deliver(users[protocol], reply(n, root, from), { receivedAt: hour(n) });

beforeAll(async () => {
  dovecot = await startDovecot({ users: { ann: 'secret-a', pop: 'secret-p' } });
  for (const protocol of ['IMAP', 'POP3'] as const) {
    for (const [n, root, from] of [
      [0, 'plan@x', ann],
      [1, 'plan@x', bob],
      [2, 'lunch@x', ann],
      [3, 'plan@x', ann],
    ] as const) {
      await deliver(protocol, n, root, from);
    }
  }
  gateway = await TestGateway.start([dovecot]);
  client = gateway.client();
  accounts.IMAP = await addAccount(client, { name: 'work', imap: imapInput(dovecot, 'ann') });
  accounts.POP3 = await addAccount(client, { name: 'home', pop3: pop3Input(dovecot, 'pop') });
  await synchronised(client, accounts.IMAP);
  await synchronised(client, accounts.POP3);
}, 120_000);

afterAll(async () => {
  await gateway.stop();
  await dovecot.stop();
}, 60_000);

interface ThreadNode {
  id: string;
  subject: string;
  messageCount: number;
  unseenCount: number;
  lastMessageAt: string;
  participants: { name: string; address: string }[];
  messages: { nodes: { id: string; subject: string; thread: { id: string } }[]; totalCount: number };
}
const FIELDS = `id subject messageCount unseenCount lastMessageAt participants { name address }
  messages { nodes { id subject thread { id } } totalCount }`;
const THREADS = `query ($id: ID!, $first: Int, $after: String, $filter: MessageFilter) { account(id: $id) { capabilities { threads }
  threads(first: $first, after: $after, filter: $filter) { nodes { ${FIELDS} } edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor } } } }`;
interface Answer {
  account: {
    capabilities: { threads: boolean };
    threads: {
      nodes: ThreadNode[];
      edges: { cursor: string }[];
      pageInfo: Record<string, unknown> & { endCursor: string };
    };
  };
}
const threads = async (id: string, more: Record<string, unknown> = {}): Promise<Answer['account']> =>
  (await client.query<Answer>(THREADS, { id, ...more })).account;

describe.each(['IMAP', 'POP3'] as const)('conversations of an %s account', (protocol) => {
  const one = async (subject: string): Promise<ThreadNode> => {
    const found = (await threads(accounts[protocol])).threads.nodes.find((thread) => thread.subject === subject);
    if (!found) throw new Error(`no thread ${subject}`);
    return found;
  };

  it('are listed by their newest message and paged', async () => {
    const { capabilities, threads: first } = await threads(accounts[protocol], { first: 1 });
    expect(capabilities.threads).toBe(true);
    expect(first.nodes).toMatchObject([
      {
        subject: 'plan@x',
        messageCount: 3,
        unseenCount: 3,
        lastMessageAt: hour(3).toISOString(),
        participants: [ann, bob],
        messages: {
          nodes: [{ subject: 'plan@x' }, { subject: 'Re: plan@x' }, { subject: 'Re: plan@x' }],
          totalCount: 3,
        },
      },
    ]);
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const { threads: next } = await threads(accounts[protocol], { first: 1, after: first.pageInfo.endCursor });
    expect(next.nodes).toMatchObject([{ subject: 'lunch@x', messageCount: 1 }]);
    expect(next.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
  });

  it('are found by id, by a message and by a filter', async () => {
    const thread = await one('plan@x');
    for (const node of thread.messages.nodes) expect(node.thread.id).toBe(thread.id);
    const found = await client.query(
      `query ($id: ID!) { thread(id: $id) { ${FIELDS} account { id } } node(id: $id) { id __typename }
        messages(filter: { threadId: $id }) { totalCount } }`,
      { id: thread.id },
    );
    expect(found).toEqual({
      thread: { ...thread, account: { id: accounts[protocol] } },
      node: { id: thread.id, __typename: 'Thread' },
      messages: { totalCount: 3 },
    });
    const { threads: matching } = await threads(accounts[protocol], { filter: { from: 'bob@' } });
    expect(matching.nodes).toEqual([thread]);
  });

  it('grow with a reply, and count a copy once', async () => {
    await deliver(protocol, 5, 'lunch@x', bob);
    await client.query('mutation ($id: ID!) { syncAccount(accountId: $id) { errors { code } } }', {
      id: accounts[protocol],
    });
    const grown = await until(
      () => one('lunch@x'),
      ({ messageCount }) => messageCount === 2,
      10_000,
    );
    expect((await threads(accounts[protocol])).threads.nodes[0]).toEqual(grown);
    const { createMailbox } = await client.query<{ createMailbox: { mailbox: { id: string } } }>(
      'mutation ($id: ID!) { createMailbox(input: { accountId: $id, name: "Kept" }) { mailbox { id } } }',
      { id: accounts[protocol] },
    );
    const { copyMessages } = await client.query<{ copyMessages: { messages: { thread: { id: string } }[] } }>(
      'mutation ($ids: [ID!]!, $to: ID!) { copyMessages(input: { ids: $ids, mailboxId: $to }) { messages { thread { id } } failures { id } } }',
      { ids: grown.messages.nodes.map(({ id }) => id), to: createMailbox.mailbox.id },
    );
    expect(copyMessages).toEqual({
      messages: [{ thread: { id: grown.id } }, { thread: { id: grown.id } }],
      failures: [],
    });
    expect(await one('lunch@x')).toEqual(grown);
    const { messages } = await client.query<{ messages: unknown }>(
      'query ($id: ID!) { messages(filter: { threadId: $id }) { totalCount } }',
      { id: grown.id },
    );
    expect(messages).toEqual({ totalCount: 4 });
  });

  it('are gone with their last message; the change log still shows what they were', async () => {
    const thread = await one('plan@x');
    const { account } = await client.query<{ account: { changeCursor: string } }>(
      'query ($id: ID!) { account(id: $id) { changeCursor } }',
      { id: accounts[protocol] },
    );
    const ids = thread.messages.nodes.map(({ id }) => id);
    await client.query(
      'mutation ($ids: [ID!]!) { updateMessages(input: { ids: $ids, seen: true }) { failures { id } } }',
      { ids },
    );
    expect(await one('plan@x')).toMatchObject({ unseenCount: 0 });
    await client.query(
      'mutation ($ids: [ID!]!) { deleteMessages(input: { ids: $ids, permanently: true }) { failures { id } } }',
      { ids },
    );
    await expect(client.query('query ($id: ID!) { thread(id: $id) { id } }', { id: thread.id })).resolves.toEqual({
      thread: null,
    });
    const { changes } = await client.query<{ changes: { changes: object[] } }>(
      `query ($id: ID!, $since: ChangeCursor!) { changes(accountId: $id, since: $since) {
        changes { ... on MessageUpdated { message { thread { id subject messageCount } } } } } }`,
      { id: accounts[protocol], since: account.changeCursor },
    );
    expect(changes.changes).toContainEqual({
      message: { thread: { id: thread.id, subject: 'plan@x', messageCount: 0 } },
    });
  });
});

it('an id that names no thread, or that of one the key may not see, finds nothing', async () => {
  const [thread] = (await threads(accounts.IMAP)).threads.nodes;
  const { createApiKey } = await client.query<{ createApiKey: { secret: string } }>(
    'mutation ($ids: [ID!]) { createApiKey(input: { name: "pop only", scopes: [READ], accountIds: $ids }) { secret errors { code } } }',
    { ids: [accounts.POP3] },
  );
  const stranger = gateway.client(createApiKey.secret);
  const LOOK = `query ($id: ID!) { thread(id: $id) { id } node(id: $id) { id } messages(filter: { threadId: $id }) { totalCount } }`;
  const nothing = { thread: null, node: null, messages: { totalCount: 0 } };
  await expect(stranger.query(LOOK, { id: thread!.id })).resolves.toEqual(nothing);
  await expect(client.query(LOOK, { id: thread!.id })).resolves.not.toEqual(nothing);
  await expect(client.query(LOOK, { id: accounts.IMAP })).resolves.toMatchObject({
    thread: null,
    messages: { totalCount: 0 },
  });
});

it('a cursor that is none is refused by name', async () => {
  const { errors } = await client.request(THREADS, { id: accounts.IMAP, after: 'nonsense' });
  expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT', field: ['after'] } }]);
});

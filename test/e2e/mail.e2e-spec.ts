import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ImapFlow } from 'imapflow';
import pg from 'pg';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { addAccount, imapInput, pop3Input, synchronised } from './accounts.js';
import { until, type GatewayClient } from './gateway-client.js';
import { TestGateway } from './test-gateway.js';

let dovecot: Dovecot;
let gateway: TestGateway;
let client: GatewayClient;
let imap: string;
let pop3: string;

const message = (subject: string, date: string, body = 'Hello'): string =>
  `From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: ${subject}\r\nDate: ${date}\r\nMessage-ID: <${subject.replaceAll(' ', '-')}@example.org>\r\n\r\n${body}\r\n`;

const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minute));

beforeAll(async () => {
  dovecot = await startDovecot({ users: { ann: 'secret-a', pop: 'secret-p' } });
  for (let i = 0; i < 40; i += 1) {
    const receivedAt = at(2 * i);
    await dovecot.deliver('ann', message(`imap ${i}`, receivedAt.toUTCString()), { receivedAt });
    const received = `Received: from x by y; ${at(2 * i + 1).toUTCString()}\r\n`;
    await dovecot.deliver('pop', received + message(`pop3 ${i}`, at(2 * i + 1).toUTCString()));
  }
  gateway = await TestGateway.start([dovecot]);
  client = gateway.client();
  imap = await addAccount(client, { name: 'work', imap: imapInput(dovecot, 'ann') });
  pop3 = await addAccount(client, { name: 'home', pop3: pop3Input(dovecot, 'pop') });
  await synchronised(client, imap);
  await synchronised(client, pop3);
}, 120_000);

afterAll(async () => {
  await gateway.stop();
  await dovecot.stop();
}, 60_000);

interface Node {
  id: string;
  subject: string;
  seen: boolean;
  flagged: boolean;
  keywords: string[];
  mailbox: { id: string; name: string };
}
interface Listed {
  messages: {
    nodes: Node[];
    totalCount: number;
    pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
    incomplete: unknown[];
  };
}
const LIST = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: MessageFilter, $orderBy: MessageOrder) {
  messages(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
    nodes { id subject seen flagged keywords mailbox { id name } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount incomplete { accountId }
  }
}`;
const list = async (variables: Record<string, unknown>): Promise<Listed['messages']> =>
  (await client.query<Listed>(LIST, variables)).messages;
const find = async (subject: string, accountId: string): Promise<Node> => {
  const messageId = `${subject.replaceAll(' ', '-')}@example.org`;
  const { nodes } = await list({ filter: { messageId, accountIds: [accountId] } });
  const found = nodes.at(-1);
  if (!found) throw new Error(`no message ${subject}`);
  return found;
};
const mailboxes = async (
  accountId: string,
): Promise<
  {
    id: string;
    name: string;
    path: string;
    specialUse: string | null;
    totalMessages: number;
    unseenMessages: number;
    delimiter: string | null;
  }[]
> => {
  const { account } = await client.query<{ account: { mailboxes: never[] } }>(
    'query ($id: ID!) { account(id: $id) { mailboxes { id name path specialUse delimiter totalMessages unseenMessages } } }',
    { id: accountId },
  );
  return account.mailboxes;
};
const mailboxOf = async (accountId: string, specialUse: string): Promise<string> => {
  const found = (await mailboxes(accountId)).find((mailbox) => mailbox.specialUse === specialUse);
  if (!found) throw new Error(`no mailbox for ${specialUse}`);
  return found.id;
};

/** Another client of the same mailbox. */
async function otherClient<T>(work: (flow: ImapFlow) => Promise<T>): Promise<T> {
  const flow = new ImapFlow({
    host: '127.0.0.1',
    port: dovecot.imap.port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: 'ann', pass: 'secret-a' },
    logger: false,
  });
  flow.on('error', () => undefined);
  await flow.connect();
  try {
    return await work(flow);
  } finally {
    await flow.logout();
  }
}

const withinSeconds = 2_000;

describe('lists over both accounts', () => {
  it('gives a page of 50 in one query, sorted by date, with next and previous pages', async () => {
    const first = await list({ first: 50 });
    const subjects = Array.from({ length: 80 }, (_, i) =>
      i % 2 ? `pop3 ${(i - 1) / 2}` : `imap ${i / 2}`,
    ).toReversed();
    expect(first.nodes.map(({ subject }) => subject)).toEqual(subjects.slice(0, 50));
    expect(first).toMatchObject({
      totalCount: 80,
      incomplete: [],
      pageInfo: { hasNextPage: true, hasPreviousPage: false },
    });
    const next = await list({ first: 50, after: first.pageInfo.endCursor });
    expect(next.nodes.map(({ subject }) => subject)).toEqual(subjects.slice(50));
    expect(next.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const back = await list({ last: 50, before: next.pageInfo.startCursor });
    expect(back.nodes.map(({ subject }) => subject)).toEqual(subjects.slice(0, 50));
  });

  it('keeps its pages while new mail arrives', async () => {
    const order = { field: 'RECEIVED_AT', direction: 'DESC' };
    const first = await list({ first: 10, filter: { accountIds: [imap] }, orderBy: order });
    await dovecot.deliver('ann', message('arrived while paging', new Date().toUTCString()));
    await until(
      () => list({ first: 1, filter: { accountIds: [imap] } }),
      ({ nodes }) => nodes[0]?.subject === 'arrived while paging',
    );
    const next = await list({
      first: 10,
      after: first.pageInfo.endCursor,
      filter: { accountIds: [imap] },
      orderBy: order,
    });
    expect(next.nodes[0]?.subject).toBe('imap 29');
  });

  it('costs the same number of SQL statements for 50 messages as for one', async () => {
    const PAGE = `query ($first: Int) { messages(first: $first) { nodes {
      id subject preview account { name status { state } } mailbox { name account { id } } pop3 { uidl } attachments { filename } } incomplete { accountId } } }`;
    await client.query(PAGE, { first: 50 });
    const statements = jest.spyOn(pg.Client.prototype, 'query');
    const cost = async (first: number): Promise<number> => {
      statements.mockClear();
      await client.query(PAGE, { first });
      return statements.mock.calls.length;
    };
    // What the gateway does beside may fall into one of them: the smallest of a few is the page alone.
    const least = async (first: number): Promise<number> =>
      Math.min(await cost(first), await cost(first), await cost(first));
    const one = await least(1);
    expect(one).toBeGreaterThan(0);
    expect(await least(50)).toBeLessThanOrEqual(one);
    statements.mockRestore();
  });

  it('answers a malformed cursor and a bad page size by the name of the argument', async () => {
    const { errors } = await client.request(LIST, { first: 5, after: 'rubbish' });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT' });
    const wrong = await client.request(LIST, { first: 5, last: 5 });
    expect(wrong.errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe.each([
  ['IMAP', () => imap, 'imap'],
  ['POP3', () => pop3, 'pop3'],
])('%s messages', (protocol, accountId, prefix) => {
  it('are flagged and get keywords', async () => {
    const { id } = await find(`${prefix} 1`, accountId());
    const { updateMessages } = await client.query<{ updateMessages: { messages: Node[]; failures: unknown[] } }>(
      `mutation ($ids: [ID!]!) { updateMessages(input: { ids: $ids, seen: true, flagged: true, addKeywords: ["$Important"] }) {
        messages { id seen flagged keywords } failures { id } errors { code } } }`,
      { ids: [id] },
    );
    expect(updateMessages).toMatchObject({
      messages: [{ id, seen: true, flagged: true, keywords: ['$Important'] }],
      failures: [],
    });
  });

  it('move and keep their id', async () => {
    const { id } = await find(`${prefix} 2`, accountId());
    const archive = await mailboxOf(accountId(), 'ARCHIVE');
    const { moveMessages } = await client.query<{ moveMessages: { messages: Node[] } }>(
      'mutation ($ids: [ID!]!, $to: ID!) { moveMessages(input: { ids: $ids, mailboxId: $to }) { messages { id mailbox { id } } failures { error { code message } } errors { code message } } }',
      { ids: [id], to: archive },
    );
    expect(moveMessages).toEqual({ messages: [{ id, mailbox: { id: archive } }], failures: [], errors: [] });
    expect((await find(`${prefix} 2`, accountId())).id).toBe(id);
  });

  it('are copied', async () => {
    const { id } = await find(`${prefix} 3`, accountId());
    const archive = await mailboxOf(accountId(), 'ARCHIVE');
    const { copyMessages } = await client.query<{ copyMessages: { messages: Node[] } }>(
      'mutation ($ids: [ID!]!, $to: ID!) { copyMessages(input: { ids: $ids, mailboxId: $to }) { messages { id subject mailbox { id } } failures { id } errors { code } } }',
      { ids: [id], to: archive },
    );
    expect(copyMessages.messages).toMatchObject([{ subject: `${prefix} 3`, mailbox: { id: archive } }]);
    expect(copyMessages.messages[0]!.id).not.toBe(id);
  });

  it('go to Trash, and from there for good', async () => {
    const { id } = await find(`${prefix} 4`, accountId());
    const DELETE = `mutation ($ids: [ID!]!) { deleteMessages(input: { ids: $ids }) {
      trashed { id mailbox { id } } deletedIds failures { error { code message } } errors { code message } } }`;
    const trash = await mailboxOf(accountId(), 'TRASH');
    expect(await client.query(DELETE, { ids: [id] })).toEqual({
      deleteMessages: { trashed: [{ id, mailbox: { id: trash } }], deletedIds: [], failures: [], errors: [] },
    });
    expect(await client.query(DELETE, { ids: [id] })).toEqual({
      deleteMessages: { trashed: [], deletedIds: [id], failures: [], errors: [] },
    });
    expect(await client.query('query ($id: ID!) { message(id: $id) { id } }', { id })).toEqual({ message: null });
  });

  it('give their text, headers and exact octets', async () => {
    const { id } = await find(`${prefix} 5`, accountId());
    const { message: found } = await client.query<{ message: { rawUrl: string } & Record<string, unknown> }>(
      `query ($id: ID!) { message(id: $id) { from { name address } to { address } messageId preview sizeBytes hasAttachments
        body { text html truncated } headers(names: ["subject"]) { name value } structure { partId contentType } rawUrl parseWarnings } }`,
      { id },
    );
    expect(found).toMatchObject({
      from: [{ name: 'Ann', address: 'ann@example.org' }],
      to: [{ address: 'bob@example.org' }],
      messageId: `${prefix}-5@example.org`,
      preview: 'Hello',
      body: { text: expect.stringMatching(/^Hello\s*$/), html: null, truncated: false },
      headers: [{ name: expect.stringMatching(/subject/i), value: `${prefix} 5` }],
      structure: { partId: '1', contentType: 'text/plain' },
      parseWarnings: [],
    });
    const raw = Buffer.from(await (await fetch(found.rawUrl)).arrayBuffer());
    expect(raw.length).toBe(found.sizeBytes);
    expect(raw.toString()).toContain(`Subject: ${prefix} 5\r\n`);
  });

  it('are imported once for one idempotency key', async () => {
    const drafts = await mailboxOf(accountId(), 'DRAFTS');
    const rawBase64 = Buffer.from(message(`${prefix} draft`, new Date().toUTCString())).toString('base64');
    const IMPORT = `mutation ($input: ImportMessageInput!) { importMessage(input: $input) { message { id subject draft } errors { code message field } } }`;
    const input = { mailboxId: drafts, rawBase64, draft: true, idempotencyKey: 'k1' };
    const first = await client.query<{ importMessage: { message: { id: string } } }>(IMPORT, { input });
    expect(first.importMessage).toMatchObject({ message: { subject: `${prefix} draft`, draft: true }, errors: [] });
    expect(await client.query(IMPORT, { input })).toEqual(first);
    expect((await list({ filter: { mailboxIds: [drafts] } })).totalCount).toBe(1);
  });

  it('live in mailboxes that are created, renamed, nested and deleted', async () => {
    const CREATE = `mutation ($input: CreateMailboxInput!) { createMailbox(input: $input) { mailbox { id name path parent { id } } errors { code message field } } }`;
    const created = await client.query<{ createMailbox: { mailbox: { id: string; path: string } } }>(CREATE, {
      input: { accountId: accountId(), name: 'Projekte ü' },
    });
    const { id } = created.createMailbox.mailbox;
    const child = await client.query<{ createMailbox: { mailbox: { id: string } } }>(CREATE, {
      input: { accountId: accountId(), name: '2026', parentId: id },
    });
    expect(child.createMailbox.mailbox).toMatchObject({ name: '2026', parent: { id } });
    const renamed = await client.query(
      'mutation ($id: ID!) { renameMailbox(input: { mailboxId: $id, name: "Projects" }) { mailbox { id name children { id path } } errors { code message } } }',
      { id },
    );
    const delimiter = (await mailboxes(accountId()))[0]!.delimiter!;
    expect(renamed).toMatchObject({
      renameMailbox: {
        mailbox: {
          id,
          name: 'Projects',
          children: [{ id: child.createMailbox.mailbox.id, path: `Projects${delimiter}2026` }],
        },
      },
    });
    const DELETE = 'mutation ($id: ID!) { deleteMailbox(mailboxId: $id) { deletedMailboxId errors { code } } }';
    expect(await client.query(DELETE, { id })).toMatchObject({ deleteMailbox: { errors: [{ code: 'CONFLICT' }] } });
    expect(await client.query(DELETE, { id: child.createMailbox.mailbox.id })).toMatchObject({
      deleteMailbox: { deletedMailboxId: child.createMailbox.mailbox.id },
    });
    expect(await client.query(DELETE, { id })).toMatchObject({ deleteMailbox: { deletedMailboxId: id } });
    const again = await client.query(CREATE, { input: { accountId: accountId(), name: 'INBOX' } });
    expect(again).toMatchObject({
      createMailbox: { mailbox: null, errors: [{ code: 'CONFLICT', field: ['input', 'name'] }] },
    });
  });

  it('announce themselves once, over WebSocket and SSE alike', async () => {
    const SUBSCRIPTION = `subscription ($id: ID!) { messageAdded(accountIds: [$id]) { cursor message { subject account { protocol } } } }`;
    const sockets = [
      client.subscribe<{ messageAdded: { message: { subject: string } } }>(SUBSCRIPTION, { id: accountId() }),
      client.subscribeSse<{ messageAdded: { message: { subject: string } } }>(SUBSCRIPTION, { id: accountId() }),
    ];
    try {
      const user = protocol === 'IMAP' ? 'ann' : 'pop';
      // A stream has begun when it announces; deliver until it does.
      const subject = `news for ${prefix}`;
      let n = 0;
      const announced = Promise.all(sockets.map((socket) => socket.next()));
      const deliver = async (): Promise<void> => {
        await dovecot.deliver(user, message(`${subject} ${(n += 1)}`, new Date().toUTCString()));
        await client.query('mutation ($id: ID!) { syncAccount(accountId: $id) { errors { code message } } }', {
          id: accountId(),
        });
      };
      await until(
        async () => {
          await deliver();
          return Promise.race([announced, new Promise((resolve) => setTimeout(resolve, 200))]);
        },
        (events) => events !== undefined,
      );
      await deliver();
      const last = `${subject} ${n}`;
      const announcements = sockets.map((socket) =>
        socket.next((event) => event.messageAdded.message.subject === last),
      );
      await expect(Promise.all(announcements)).resolves.toHaveLength(2);
    } finally {
      await Promise.all(sockets.map((socket) => socket.close()));
    }
  });

  it('are told apart by the account: ids of another account are refused one by one', async () => {
    const { id } = await find(`${prefix} 6`, accountId());
    const elsewhere = await mailboxOf(accountId() === imap ? pop3 : imap, 'ARCHIVE');
    const MOVE =
      'mutation ($ids: [ID!]!, $to: ID!) { moveMessages(input: { ids: $ids, mailboxId: $to }) { messages { id } failures { id error { code } } errors { code } } }';
    expect(await client.query(MOVE, { ids: [id], to: elsewhere })).toMatchObject({
      moveMessages: { messages: [], failures: [{ id, error: { code: 'INVALID_INPUT' } }] },
    });
    const unknown = `msg_${'0'.repeat(32)}`;
    expect(await client.query(MOVE, { ids: [unknown], to: elsewhere })).toMatchObject({
      moveMessages: { messages: [], failures: [{ id: unknown, error: { code: 'NOT_FOUND' } }] },
    });
  });
});

describe('an IMAP account shared with other clients', () => {
  const seenHere = (subject: string, good: (node: Node) => boolean): Promise<Node> =>
    until(() => find(subject, imap), good, withinSeconds);

  it('shows their flags within two seconds', async () => {
    await otherClient(async (flow) => {
      const lock = await flow.getMailboxLock('INBOX');
      await flow.messageFlagsAdd({ header: { subject: 'imap 10' } }, ['\\Flagged', 'mine'], { uid: true });
      lock.release();
    });
    await expect(seenHere('imap 10', ({ flagged }) => flagged)).resolves.toMatchObject({ keywords: ['mine'] });
  });

  it('shows their deletions and moves within two seconds, and keeps counts true', async () => {
    await otherClient(async (flow) => {
      const lock = await flow.getMailboxLock('INBOX');
      await flow.messageDelete({ header: { subject: 'imap 11' } }, { uid: true });
      await flow.messageMove({ header: { subject: 'imap 12' } }, 'Sent', { uid: true });
      lock.release();
    });
    await until(
      () => list({ filter: { subject: 'imap 11', accountIds: [imap], specialUse: ['INBOX'] } }),
      ({ nodes }) => nodes.length === 0,
      withinSeconds,
    );
    await until(
      () => list({ filter: { subject: 'imap 12', accountIds: [imap], specialUse: ['INBOX'] } }),
      ({ nodes }) => nodes.length === 0,
      withinSeconds,
    );
    const inbox = (await mailboxes(imap)).find(({ specialUse }) => specialUse === 'INBOX')!;
    expect(inbox.totalMessages).toBe((await dovecot.listMessages('ann')).length);
  });

  it('lets them see what is done here', async () => {
    const { id } = await find('imap 13', imap);
    await client.query(
      'mutation ($ids: [ID!]!) { updateMessages(input: { ids: $ids, answered: true }) { errors { code } } }',
      { ids: [id] },
    );
    const there = (await dovecot.listMessages('ann')).find(({ messageId }) => messageId === '<imap-13@example.org>');
    expect(there?.flags).toContain('\\Answered');
    await client.query(
      'mutation ($ids: [ID!]!) { deleteMessages(input: { ids: $ids, permanently: true }) { deletedIds } }',
      { ids: [id] },
    );
    expect((await dovecot.listMessages('ann')).map(({ messageId }) => messageId)).not.toContain(
      '<imap-13@example.org>',
    );
  });

  it('finds headers by the server and stored headers by itself', async () => {
    const { nodes } = await list({ filter: { header: { name: 'Message-ID', contains: '-20@example' } } });
    expect(nodes.map(({ subject }) => subject).sort()).toEqual(['imap 20', 'pop3 20']);
  });
});

it('a mailbox name that the server refuses is refused here, with nothing half done', async () => {
  const before = await mailboxes(imap);
  const { createMailbox } = await client.query<{ createMailbox: unknown }>(
    'mutation ($id: ID!) { createMailbox(input: { accountId: $id, name: ".." }) { mailbox { id } errors { code message retryable } } }',
    { id: imap },
  );
  expect(createMailbox).toMatchObject({ mailbox: null, errors: [{ code: 'SERVER_REJECTED', retryable: false }] });
  expect(await mailboxes(imap)).toEqual(before);
});

describe('changes', () => {
  interface ChangePage {
    changes: { changes: { __typename: string; cursor: string }[]; cursor: string; hasMore: boolean };
  }
  const CHANGES = `query ($id: ID!, $since: ChangeCursor!, $first: Int) { changes(accountId: $id, since: $since, first: $first) {
    changes { __typename cursor ... on MessageUpdated { message { id flagged } } ... on MessageRemoved { messageId } } cursor hasMore } }`;
  const cursorOf = async (id: string): Promise<string> =>
    (
      await client.query<{ account: { changeCursor: string } }>(
        'query ($id: ID!) { account(id: $id) { changeCursor } }',
        { id },
      )
    ).account.changeCursor;

  it('are replayed from a cursor, and a subscription resumes there without a gap', async () => {
    const since = await cursorOf(pop3);
    const { id } = await find('pop3 7', pop3);
    await client.query(
      'mutation ($ids: [ID!]!) { updateMessages(input: { ids: $ids, flagged: true }) { errors { code } } }',
      { ids: [id] },
    );
    const { changes } = await client.query<ChangePage>(CHANGES, { id: pop3, since });
    expect(changes.changes).toMatchObject([{ __typename: 'MessageUpdated', message: { id, flagged: true } }]);
    const stream = client.subscribe<{ changes: { __typename: string; messageId?: string } }>(
      `subscription ($id: ID!, $since: ChangeCursor!) { changes(since: [{ accountId: $id, cursor: $since }], accountIds: [$id]) {
        __typename ... on MessageRemoved { messageId } } }`,
      { id: pop3, since },
    );
    try {
      await expect(stream.next()).resolves.toMatchObject({ changes: { __typename: 'MessageUpdated' } });
      await client.query(
        'mutation ($ids: [ID!]!) { deleteMessages(input: { ids: $ids, permanently: true }) { deletedIds } }',
        { ids: [id] },
      );
      await expect(stream.next()).resolves.toEqual({ changes: { __typename: 'MessageRemoved', messageId: id } });
    } finally {
      await stream.close();
    }
    const replay = await client.query<ChangePage>(CHANGES, { id: pop3, since });
    expect(replay.changes.changes).toMatchObject([
      { __typename: 'MessageUpdated', message: { id, flagged: true } },
      { __typename: 'MessageRemoved', messageId: id },
    ]);
  });

  it('refuse a cursor of another account', async () => {
    const { errors } = await client.request(CHANGES, { id: imap, since: await cursorOf(pop3) });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('after a restart', () => {
  it('everything is as it was, and mail that came meanwhile is announced as news', async () => {
    const before = await list({ first: 100 });
    const { account } = await client.query<{ account: { changeCursor: string } }>(
      'query ($id: ID!) { account(id: $id) { changeCursor } }',
      { id: imap },
    );
    await gateway.down();
    await dovecot.deliver('ann', message('came while we slept', new Date().toUTCString()));
    await gateway.up();
    client = gateway.client();
    const stream = client.subscribe<{ changes: { message?: { subject: string } } }>(
      `subscription ($id: ID!, $since: ChangeCursor!) { changes(since: [{ accountId: $id, cursor: $since }], types: [MESSAGE_ADDED]) {
        ... on MessageAdded { message { subject } } } }`,
      { id: imap, since: account.changeCursor },
    );
    await expect(stream.next()).resolves.toMatchObject({ changes: { message: { subject: 'came while we slept' } } });
    await stream.close();
    const after = await list({ first: 100 });
    expect(after.nodes.slice(1).map(({ id }) => id)).toEqual(before.nodes.map(({ id }) => id));
  });
});

it('downloads are what the server has, octet for octet, for odd messages too', async () => {
  const odd = Buffer.concat([
    Buffer.from('Subject: =?utf-8?q?odd?=\r\nX-Raw: '),
    Buffer.from([0xe4, 0xf6, 0x00, 0xff]),
    Buffer.from('\r\n\r\nlone \r and dots\r\n.\r\n..\r\nend without newline'),
  ]);
  await dovecot.deliver('pop', odd);
  await client.query('mutation ($id: ID!) { syncAccount(accountId: $id) { errors { code message } } }', { id: pop3 });
  const { messages } = await client.query<{ messages: { nodes: { rawUrl: string; subject: string }[] } }>(
    'query ($id: ID!) { messages(filter: { accountIds: [$id], subject: "odd" }) { nodes { rawUrl subject } } }',
    { id: pop3 },
  );
  expect(messages.nodes).toHaveLength(1);
  const raw = Buffer.from(await (await fetch(messages.nodes[0]!.rawUrl)).arrayBuffer());
  const served = raw.subarray(0, odd.length);
  expect(createHash('sha256').update(served).digest('hex')).toBe(createHash('sha256').update(odd).digest('hex'));
});

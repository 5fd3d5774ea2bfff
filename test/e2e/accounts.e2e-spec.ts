import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { message, messageWithAttachment } from '../factories/messages.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { findFreePorts } from '../servers/free-ports.js';
import { addAccount, imapInput, pop3Input, synchronised, type UserError } from './accounts.js';
import { until, type GatewayClient } from './gateway-client.js';
import { TestGateway } from './test-gateway.js';

let dovecot: Dovecot;
let gateway: TestGateway;
let client: GatewayClient;

beforeAll(async () => {
  dovecot = await startDovecot({ users: { ann: 'secret-a', pop: 'secret-p', bob: 'secret-b' } });
  gateway = await TestGateway.start([dovecot], { MAIL_ALLOW_PLAINTEXT: 'false', MAX_IMPORT_BYTES: '100000' });
  client = gateway.client();
}, 120_000);

afterAll(async () => {
  await gateway.stop();
  await dovecot.stop();
}, 60_000);

interface Payload {
  account: { id: string; status: { state: string } } | null;
  errors: UserError[];
}
const add = async (input: Record<string, unknown>): Promise<Payload> =>
  (
    await client.query<{ addAccount: Payload }>(
      `mutation ($input: AddAccountInput!) { addAccount(input: $input) { account { id status { state } } errors { code message field retryable } } }`,
      { input },
    )
  ).addAccount;
const total = async (): Promise<number> =>
  (await client.query<{ accounts: { totalCount: number } }>('{ accounts { totalCount } }')).accounts.totalCount;

describe.each([
  ['IMAP', 'imap', (patch: object) => imapInput(dovecot, 'ann', { ...patch })],
  ['POP3', 'pop3', (patch: object) => pop3Input(dovecot, 'pop', { ...patch })],
] as const)('an %s account that cannot be added', (_, protocol, input) => {
  const plainPort = (): number => dovecot[protocol].port;

  it.each([
    ['a wrong password', () => ({ credentials: { password: 'wrong' } }), 'AUTHENTICATION_FAILED'],
    ['a port where nobody listens', async () => ({ port: (await findFreePorts(1))[0] }), 'CONNECTION_FAILED'],
    ['a plain server where TLS was asked', () => ({ port: plainPort() }), 'TLS_FAILED'],
    ['an address where nobody answers', () => ({ host: '127.0.0.2' }), 'CONNECTION_FAILED'],
    ['a host that the policy forbids', () => ({ host: '10.1.2.3' }), 'HOST_FORBIDDEN'],
    ['no encryption where the policy forbids it', () => ({ security: 'NONE', port: plainPort() }), 'INVALID_INPUT'],
    ['a line break in the user name', () => ({ username: 'ann\r\nx' }), 'INVALID_INPUT'],
    ['a port out of range', () => ({ port: 70_000 }), 'INVALID_INPUT'],
  ])('says why: %s', async (_name, patch, code) => {
    const before = await total();
    const result = await add({ [protocol]: input(await patch()) });
    expect(result).toMatchObject({ account: null, errors: [{ code }] });
    expect(result.errors[0]!.message).not.toMatch(/secret|wrong/);
    expect(await total()).toBe(before);
  });

  it('says which field is wrong', async () => {
    const result = await add({ [protocol]: input({ port: 70_000 }) });
    expect(result.errors[0]!.field).toEqual(['input', protocol, 'port']);
  });
});

describe('an account', () => {
  it('is verified step by step without being saved', async () => {
    const before = await total();
    const VERIFY = `mutation ($input: AddAccountInput!) { verifyAccount(input: $input) {
      ok steps { name ok durationMs detail } serverCapabilities mailboxes maildropMessages errors { code } } }`;
    const good = await client.query<{ verifyAccount: { steps: { name: string; ok: boolean }[] } }>(VERIFY, {
      input: { imap: imapInput(dovecot, 'ann', { port: dovecot.imap.port, security: 'STARTTLS' }) },
    });
    expect(good.verifyAccount).toMatchObject({ ok: true, mailboxes: expect.arrayContaining(['INBOX']), errors: [] });
    expect(good.verifyAccount.steps.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['RESOLVE', 'CONNECT', 'SIGN_IN']),
    );
    const bad = await client.query<{ verifyAccount: { steps: { name: string; ok: boolean }[] } }>(VERIFY, {
      input: { pop3: pop3Input(dovecot, 'pop', { credentials: { password: 'wrong' } }) },
    });
    expect(bad.verifyAccount).toMatchObject({ ok: false, errors: [{ code: 'AUTHENTICATION_FAILED' }] });
    expect(bad.verifyAccount.steps.at(-1)).toMatchObject({ name: 'SIGN_IN', ok: false });
    expect(await total()).toBe(before);
  });

  it('is paused, resumed, changed and removed, and says so as it happens', async () => {
    await dovecot.deliver('ann', message({ subject: 'first' }));
    const id = await addAccount(client, { name: 'one', imap: imapInput(dovecot, 'ann') });
    await synchronised(client, id);
    const statuses = client.subscribe<{ accountStatusChanged: { status: { state: string } } }>(
      'subscription ($id: ID!) { accountStatusChanged(accountIds: [$id]) { status { state lastError { code } } } }',
      { id },
    );
    try {
      const state = (wanted: string) => statuses.next((event) => event.accountStatusChanged.status.state === wanted);
      // The stream begins in its own time: pausing and resuming is repeated until it has been heard.
      const paused = state('PAUSED');
      await until(
        async () => {
          await client.query('mutation ($id: ID!) { resumeAccount(accountId: $id) { errors { code } } }', { id });
          await client.query('mutation ($id: ID!) { pauseAccount(accountId: $id) { errors { code } } }', { id });
          return Promise.race([paused, new Promise((resolve) => setTimeout(resolve, 200))]);
        },
        (event) => event !== undefined,
      );
      const body = await client.request<{ messages: { nodes: { subject: string; body: unknown }[] } }>(
        'query ($id: ID!) { messages(filter: { accountIds: [$id] }) { nodes { subject body { text } } } }',
        { id },
      );
      expect(body.errors?.[0]).toMatchObject({ extensions: { code: 'CONFLICT' } });
      await client.query('mutation ($id: ID!) { resumeAccount(accountId: $id) { errors { code } } }', { id });
      await state('ONLINE');

      await dovecot.addUser('ann', 'another');
      await dovecot.kick('ann');
      const failed = await statuses.next(
        (event) => event.accountStatusChanged.status.state === 'AUTHENTICATION_FAILED',
      );
      expect(failed).toMatchObject({
        accountStatusChanged: { status: { lastError: { code: 'AUTHENTICATION_FAILED' } } },
      });
      const UPDATE = `mutation ($input: UpdateAccountInput!) { updateAccount(input: $input) { account { name } errors { code field } } }`;
      const update = (password: string) =>
        client.query(UPDATE, { input: { accountId: id, name: 'renamed', imap: { credentials: { password } } } });
      expect(await update('still wrong')).toMatchObject({
        updateAccount: { account: null, errors: [{ code: 'AUTHENTICATION_FAILED' }] },
      });
      expect(await update('another')).toEqual({ updateAccount: { account: { name: 'renamed' }, errors: [] } });
      await state('ONLINE');
    } finally {
      await statuses.close();
    }
    const REMOVE = `mutation ($id: ID!) { removeAccount(input: { accountId: $id }) { removedAccountId errors { code field } } }`;
    expect(await client.query(REMOVE, { id })).toEqual({ removeAccount: { removedAccountId: id, errors: [] } });
    expect(await client.query('query ($id: ID!) { account(id: $id) { id } node(id: $id) { id } }', { id })).toEqual({
      account: null,
      node: null,
    });
    expect(await dovecot.listMessages('ann')).toHaveLength(1);
  }, 90_000);

  it('whose mail lives here is removed only when that is said', async () => {
    await dovecot.deliver('pop', message({ subject: 'only copy' }));
    const id = await addAccount(client, { pop3: pop3Input(dovecot, 'pop', { afterDownload: 'DELETE' }) });
    await synchronised(client, id);
    expect(await dovecot.listMessages('pop')).toEqual([]);
    const REMOVE = `mutation ($id: ID!, $sure: Boolean!) { removeAccount(input: { accountId: $id, deleteStoredMail: $sure }) { removedAccountId errors { code field } } }`;
    const refused = await client.query<{ removeAccount: { errors: UserError[] } }>(REMOVE, { id, sure: false });
    expect(refused.removeAccount).toMatchObject({
      removedAccountId: null,
      errors: [{ field: ['input', 'deleteStoredMail'] }],
    });
    expect(await client.query(REMOVE, { id, sure: true })).toMatchObject({ removeAccount: { removedAccountId: id } });
  });

  it('cannot be added twice', async () => {
    const id = await addAccount(client, { imap: imapInput(dovecot, 'bob') });
    expect(await add({ imap: imapInput(dovecot, 'bob') })).toMatchObject({
      account: null,
      errors: [{ code: 'CONFLICT' }],
    });
    await client.query('mutation ($id: ID!) { removeAccount(input: { accountId: $id }) { errors { code } } }', { id });
  });

  it('shows its progress, capabilities and quota', async () => {
    await dovecot.deliver('bob', message());
    const id = await addAccount(client, { imap: imapInput(dovecot, 'bob') });
    const progress = client.subscribe<{ syncProgress: { complete: boolean } }>(
      'subscription ($id: ID!) { syncProgress(accountId: $id) { complete messagesTotal messagesSynced } }',
      { id },
    );
    await expect(progress.next((event) => event.syncProgress.complete)).resolves.toMatchObject({
      syncProgress: { messagesTotal: 1, messagesSynced: 1 },
    });
    await progress.close();
    const { account } = await client.query<{ account: unknown }>(
      `query ($id: ID!) { account(id: $id) { storage capabilities { sharedState push move server } pop3 { lastPollAt } quota { resource }
        server { host authentication } } }`,
      { id },
    );
    expect(account).toMatchObject({
      storage: 'SERVER',
      capabilities: {
        sharedState: true,
        push: true,
        move: true,
        server: expect.arrayContaining(['IDLE', 'CONDSTORE']),
      },
      pop3: null,
      server: { host: 'localhost', authentication: 'PASSWORD' },
    });
  });
});

describe('keys', () => {
  const CREATE = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id scopes } secret errors { code field } } }`;

  it('see and do what they are for, on every door, until they are revoked', async () => {
    const mine = await addAccount(client, { pop3: pop3Input(dovecot, 'bob') });
    await synchronised(client, mine);
    const { createApiKey } = await client.query<{ createApiKey: { apiKey: { id: string }; secret: string } }>(CREATE, {
      input: { name: 'reader', scopes: ['READ'], accountIds: [mine] },
    });
    const reader = gateway.client(createApiKey.secret);
    const seen = await reader.query<{ accounts: { nodes: { id: string }[] } }>(
      '{ accounts { nodes { id } } viewer { scopes accountIds } }',
    );
    expect(seen).toMatchObject({
      accounts: { nodes: [{ id: mine }] },
      viewer: { scopes: ['READ'], accountIds: [mine] },
    });
    const forbidden = await reader.request('mutation ($id: ID!) { pauseAccount(accountId: $id) { errors { code } } }', {
      id: mine,
    });
    expect(forbidden.errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
    expect((await reader.request('{ apiKeys { id } }')).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
    const stream = reader.subscribe('subscription { changes { cursor } }');
    await client.query('mutation ($id: ID!) { revokeApiKey(id: $id) { revokedId errors { code } } }', {
      id: createApiKey.apiKey.id,
    });
    expect((await reader.request('{ viewer { kind } }')).errors?.[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    await expect(stream.next()).rejects.toBeDefined();
    await stream.close();
  }, 60_000);

  it('are demanded by every door', async () => {
    const nobody = gateway.client('not a key');
    expect((await nobody.request('{ viewer { kind } }')).errors?.[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    const socket = nobody.subscribe('subscription { changes { cursor } }');
    await expect(socket.next()).rejects.toBeDefined();
    await socket.close();
    const sse = nobody.subscribeSse('subscription { changes { cursor } }');
    await expect(sse.next()).rejects.toBeDefined();
    await sse.close();
    const download = await fetch(`${gateway.url}/content/raw/msg_${'0'.repeat(32)}?exp=9999999999&sig=x`);
    expect(download.status).toBe(403);
    expect((await fetch(`${gateway.url}/metrics`)).status).toBe(401);
  });
});

it('refuses what is too deep, too wide or too long with a code that says so', async () => {
  const deep = `{ accounts { nodes { mailboxes { ${'children { parent { '.repeat(9)} id ${'} }'.repeat(9)} } } } }`;
  const wide = `{ ${Array.from({ length: 40 }, (_, i) => `a${i}: viewer { kind }`).join(' ')} }`;
  for (const query of [deep, wide]) {
    expect((await client.request(query)).errors?.[0]?.extensions).toMatchObject({ code: 'QUERY_TOO_COMPLEX' });
  }
  const large = await client.request(
    `mutation ($input: ImportMessageInput!) { importMessage(input: $input) { errors { code field } } }`,
    { input: { mailboxId: `mbx_${'0'.repeat(32)}`, rawBase64: 'not base64!' } },
  );
  expect(JSON.stringify(large)).toMatch(/INVALID_INPUT/);
});

it('asks the database whether it is ready', async () => {
  const ready = await fetch(`${gateway.url}/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ok', checks: { database: true } }]);
  expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
});

it('refuses an import above the limit, and stores nothing of it', async () => {
  await dovecot.addUser('imports', 'secret-i');
  const id = await addAccount(client, { pop3: pop3Input(dovecot, 'imports') });
  const { account } = await client.query<{ account: { mailboxes: { id: string }[] } }>(
    'query ($id: ID!) { account(id: $id) { mailboxes(specialUse: [DRAFTS]) { id } } }',
    { id },
  );
  const mailboxId = account.mailboxes[0]!.id;
  const rawBase64 = messageWithAttachment(150_000).toString('base64');
  const result = await client.query(
    'mutation ($input: ImportMessageInput!) { importMessage(input: $input) { message { id } errors { code field } } }',
    { input: { mailboxId, rawBase64 } },
  );
  expect(result).toEqual({
    importMessage: { message: null, errors: [{ code: 'TOO_LARGE', field: ['input', 'rawBase64'] }] },
  });
  const { messages } = await client.query<{ messages: { totalCount: number } }>(
    'query ($id: ID!) { messages(filter: { accountIds: [$id] }) { totalCount } }',
    { id },
  );
  expect(messages.totalCount).toBe(0);
});

it('attachments are listed, and downloaded decoded', async () => {
  const user = 'att';
  await dovecot.addUser(user, 'secret-x');
  await dovecot.deliver(user, messageWithAttachment(100_000, { subject: 'with attachment' }));
  for (const [protocol, input] of [
    ['imap', imapInput(dovecot, user)],
    ['pop3', pop3Input(dovecot, user)],
  ] as const) {
    const id = await addAccount(client, { [protocol]: input });
    await synchronised(client, id);
    const { messages } = await client.query<{
      messages: {
        nodes: { hasAttachments: boolean; attachments: { filename: string; sizeBytes: number; url: string }[] }[];
      };
    }>(
      'query ($id: ID!) { messages(filter: { accountIds: [$id], hasAttachments: true }) { nodes { hasAttachments attachments { filename contentType sizeBytes url partId } } } }',
      { id },
    );
    const [attachment] = messages.nodes[0]!.attachments;
    const response = await fetch(attachment!.url);
    expect(response.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await response.arrayBuffer()).byteLength).toBe(100_000);
  }
});

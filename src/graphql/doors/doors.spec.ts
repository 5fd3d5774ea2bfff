import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  lexicographicSortSchema,
  printSchema,
  type GraphQLSchema,
  type IntrospectionQuery,
} from 'graphql';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient, type Client } from 'graphql-ws';
import request from 'supertest';
import { WebSocket } from 'ws';
import { MailError } from '../../mailbox/mailbox.errors.js';
import {
  FakeServices,
  accountUuid,
  limits,
  messageUuid,
  publicAccountId,
  publicMessageId,
} from '../../../test/fakes/mail-services.js';

const services = new FakeServices();
let app: INestApplication;
let port: number;
const good = 'Bearer good';

beforeAll(async () => {
  app = await services.createApp();
  await app.listen(0, '127.0.0.1');
  port = (app.getHttpServer().address() as AddressInfo).port;
});
afterAll(() => app.close());
beforeEach(() => services.reset());

const post = (body: object, authorization: string | undefined = good) => {
  const pending = request(app.getHttpServer()).post('/graphql');
  return (authorization ? pending.set('authorization', authorization) : pending).send(body);
};
const codeOf = (answer: request.Response): unknown => answer.body.errors?.[0]?.extensions?.code;

describe('HTTP', () => {
  it('asks for a key before it reads anything', async () => {
    const refused = await post({ query: '{ viewer { kind } }' }, '');
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe('Bearer');
    expect(codeOf(refused)).toBe('UNAUTHENTICATED');
    expect(codeOf(await post({ query: '{ viewer { kind } }' }, 'Bearer bad'))).toBe('UNAUTHENTICATED');
  });

  it('answers whoever has one, also by GET, and from any origin', async () => {
    const answer = await post({ query: '{ viewer { kind scopes } limits { maxPageSize } }' });
    expect(answer.body).toEqual({
      data: { viewer: { kind: 'API_KEY', scopes: ['ADMIN'] }, limits: { maxPageSize: 200 } },
    });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    const got = await request(app.getHttpServer())
      .get('/graphql')
      .query({ query: 'query ($id: ID!) { node(id: $id) { id } }', variables: '{"id":"nothing"}' })
      .set('authorization', good);
    expect(got.body).toEqual({ data: { node: null } });
  });

  it('serves the contract as it is printed at the root', async () => {
    const { data } = (await post({ query: getIntrospectionQuery() })).body as { data: IntrospectionQuery };
    const printed = buildSchema(readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8'));
    const text = (schema: GraphQLSchema): string => printSchema(lexicographicSortSchema(schema));
    expect(text(buildClientSchema(data))).toBe(text(printed));
  });

  it('lets a browser ask beforehand', async () => {
    const answer = await request(app.getHttpServer()).options('/graphql').set('origin', 'https://app.example.org');
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-headers']).toContain('authorization');
  });

  it.each([
    ['a batch', [{ query: '{ viewer { kind } }' }], 'INVALID_INPUT'],
    ['no query', { variables: {} }, 'INVALID_INPUT'],
    ['an unknown field', { query: '{ nope }' }, 'INVALID_INPUT'],
    ['no GraphQL', { query: '{ viewer { ' }, 'INVALID_INPUT'],
    ['a subscription', { query: 'subscription { messageAdded { cursor } }' }, 'INVALID_INPUT'],
    ['too many tokens', { query: `{ ${'viewer { kind } '.repeat(600)} }` }, 'QUERY_TOO_COMPLEX'],
    [
      'too many aliases',
      { query: `{ ${Array.from({ length: 31 }, (_, i) => `a${i}: __typename`).join(' ')} }` },
      'QUERY_TOO_COMPLEX',
    ],
    [
      'too high a cost',
      { query: '{ accounts(first: 200) { nodes { messages(first: 200) { nodes { subject } } } } }' },
      'QUERY_TOO_COMPLEX',
    ],
  ])('refuses %s', async (_name, body, code) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(codeOf(answer)).toBe(code);
  });

  it('changes nothing by GET', async () => {
    const query = `mutation { pauseAccount(accountId: "${publicAccountId}") { errors { code } } }`;
    const answer = await request(app.getHttpServer()).get('/graphql').query({ query }).set('authorization', good);
    expect(codeOf(answer)).toBe('INVALID_INPUT');
    expect(services.calls).toEqual({});
  });

  it('reads a page with its accounts, mailboxes, previews and texts in one call each', async () => {
    const query = `{ messages(first: 50) { nodes { id account { name } mailbox { name } preview body { text html truncated }
      attachments { url } rawUrl } pageInfo { hasNextPage } } }`;
    const answer = await post({ query });
    expect(answer.body.errors).toBeUndefined();
    expect(answer.body.data.messages.nodes).toHaveLength(50);
    const once = { listMessages: 1, findMany: 1, findMailboxesOfChanges: 1, structures: 1, previews: 1, bodies: 1 };
    expect(services.calls).toEqual(once);
  });

  it('counts only when asked', async () => {
    await post({ query: '{ messages(first: 1) { nodes { id } } }' });
    expect(services.calls['countMessages']).toBeUndefined();
    const answer = await post({ query: '{ messages(first: 1) { totalCount } }' });
    expect(answer.body).toEqual({ data: { messages: { totalCount: 50 } } });
  });

  it('says that a text was cut, wherever `truncated` stands', async () => {
    const query = `{ message(id: "${publicMessageId}") { body { truncated text(maxBytes: 5) } } }`;
    expect((await post({ query })).body.data.message.body).toEqual({ truncated: true, text: 'Grü' });
    const whole = `{ message(id: "${publicMessageId}") { body { truncated text html } } }`;
    expect((await post({ query: whole })).body.data.message.body).toMatchObject({ truncated: false, text: 'Grüße' });
  });

  it('gives what a mutation could not do as data, ids that are none among it', async () => {
    const query = `mutation { updateMessages(input: { ids: ["${publicMessageId}", "msg_x"], seen: true }) {
      messages { id } failures { id error { code retryable } } errors { code } }
      deleteMailbox(mailboxId: "mbx_x") { deletedMailboxId errors { code field } } }`;
    expect((await post({ query })).body.data).toEqual({
      updateMessages: {
        messages: [{ id: publicMessageId }],
        failures: [{ id: 'msg_x', error: { code: 'NOT_FOUND', retryable: false } }],
        errors: [],
      },
      deleteMailbox: { deletedMailboxId: null, errors: [{ code: 'NOT_FOUND', field: ['mailboxId'] }] },
    });
  });

  it('keeps "to the top" and "where it is" apart', async () => {
    const rename = (more: string) =>
      post({
        query: `mutation { renameMailbox(input: { mailboxId: "${services.publicMailboxId}"${more} }) { errors { code } } }`,
      });
    await rename(', parentId: null');
    expect(services.last('renameMailbox')).toMatchObject({ parentId: null });
    await rename(', name: "x"');
    expect(services.last('renameMailbox')).toMatchObject({ name: 'x', parentId: undefined });
  });

  it('masks what nobody expected, and shows no stack', async () => {
    services.fail = new Error('secret detail');
    const answer = await post({ query: '{ messages { nodes { id } } }' });
    expect(answer.status).toBe(200);
    expect(codeOf(answer)).toBe('INTERNAL');
    expect(JSON.stringify(answer.body)).not.toMatch(/secret detail|at .*\.[jt]s/);
  });

  it('keeps codes and waiting times of expected ones', async () => {
    services.fail = new MailError('RATE_LIMITED', 'wait', { retryAfterMs: 100 });
    const answer = await post({ query: '{ messages { nodes { id } } }' });
    expect(answer.body.errors[0].extensions).toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: 100,
      retryable: true,
    });
  });

  it('takes an import larger than any query, and refuses one over the limit', async () => {
    const query =
      'mutation ($input: ImportMessageInput!) { importMessage(input: $input) { message { id } errors { code field } } }';
    const input = (octets: number) => ({
      mailboxId: services.publicMailboxId,
      rawBase64: Buffer.alloc(octets, 65).toString('base64'),
    });
    expect(
      (await post({ query, variables: { input: input(limits.maxImportBytes) } })).body.data.importMessage.errors,
    ).toEqual([]);
    const over = await post({ query, variables: { input: input(limits.maxImportBytes + 1) } });
    expect(over.body.data.importMessage.errors).toEqual([{ code: 'TOO_LARGE', field: ['input', 'rawBase64'] }]);
    const huge = await post({ query, variables: { input: input(limits.maxImportBytes + 4_000_000) } });
    expect(huge.status).toBe(413);
    expect(codeOf(huge)).toBe('TOO_LARGE');
  });
});

const NEW_MAIL = 'subscription { messageAdded { cursor message { id subject } } }';

describe('WebSocket', () => {
  let clients: Client[] = [];
  afterEach(async () => {
    for (const client of clients) await client.dispose();
    clients = [];
    await services.untilQuiet();
  });
  const url = () => `ws://127.0.0.1:${port}/graphql`;
  const connect = (authorization = good) => {
    const client = createWsClient({
      url: url(),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { authorization },
    });
    clients.push(client);
    return client;
  };

  it('brings news as they come', async () => {
    const events = connect().iterate({ query: NEW_MAIL });
    const first = events.next();
    await services.untilListening();
    services.announce({ initial: true });
    services.announce({});
    expect((await first).value).toEqual({
      data: { messageAdded: { cursor: expect.any(String), message: { id: publicMessageId, subject: 'Subject' } } },
    });
    services.announce({});
    expect((await events.next()).value).toMatchObject({ data: { messageAdded: {} } });
    // Each event was read anew.
    expect(services.calls['findMessagesOfChanges']).toBe(2);
    await events.return?.();
    await services.untilQuiet();
  });

  it('lets the store decide a filter, and skips what can no longer be found', async () => {
    const events = connect().iterate({
      query: 'subscription { messageAdded(filter: { subject: "x" }) { message { id } } }',
    });
    const first = events.next();
    await services.untilListening();
    services.matches = false;
    services.announce({});
    await services.untilCalled('countMessages', 1);
    services.matches = true;
    services.gone = true;
    services.announce({});
    await services.untilCalled('findMessagesOfChanges', 1);
    services.gone = false;
    services.announce({});
    expect((await first).value).toEqual({ data: { messageAdded: { message: { id: publicMessageId } } } });
  });

  it('shows each kind of change as its own type', async () => {
    const query =
      'subscription { changes { __typename ... on MessageRemoved { messageId mailboxId } ... on AccountStatusChanged { status { state } } } }';
    const events = connect().iterate({ query });
    const first = events.next();
    await services.untilListening();
    services.announce({ type: 'MESSAGE_REMOVED' });
    expect((await first).value).toEqual({
      data: {
        changes: { __typename: 'MessageRemoved', messageId: publicMessageId, mailboxId: services.publicMailboxId },
      },
    });
    services.announce({ type: 'ACCOUNT_STATUS_CHANGED' });
    expect((await events.next()).value).toMatchObject({
      data: { changes: { __typename: 'AccountStatusChanged', status: { state: 'ONLINE' } } },
    });
  });

  it('ends a stream whose cursor is too old with the code that says so', async () => {
    services.endWith = new MailError('CURSOR_EXPIRED', 'too far back');
    const events = connect().iterate({ query: NEW_MAIL });
    expect((await events.next()).value).toMatchObject({ errors: [{ extensions: { code: 'CURSOR_EXPIRED' } }] });
    expect((await events.next()).done).toBe(true);
  });

  it('ends streams of a key that was revoked, and the socket with them', async () => {
    const client = connect();
    const closed = new Promise<unknown>((resolve) => client.on('closed', resolve));
    const events = client.iterate({ query: NEW_MAIL });
    const first = events.next();
    await services.untilListening();
    services.keyIsValid = false;
    services.announce({});
    expect((await first).value).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    expect(await closed).toMatchObject({ code: 4401 });
  });

  it('stays open after a query that is not valid, too costly or no subscription', async () => {
    const client = connect();
    const events = client.iterate({ query: NEW_MAIL });
    const first = events.next();
    await services.untilListening();
    const deep = `subscription { messageAdded { message { mailbox { ${'parent { '.repeat(12)} id ${'} '.repeat(12)} } } } }`;
    for (const [query, code] of [
      ['subscription { nope }', 'INVALID_INPUT'],
      ['{ viewer { kind } }', 'INVALID_INPUT'],
      [deep, 'QUERY_TOO_COMPLEX'],
      [`subscription { ${'messageAdded { cursor } '.repeat(600)} }`, 'QUERY_TOO_COMPLEX'],
    ] as const) {
      await expect(client.iterate({ query }).next()).rejects.toMatchObject([{ extensions: { code } }]);
    }
    services.announce({});
    expect((await first).value).toMatchObject({ data: { messageAdded: {} } });
  });

  const closeOf = (socket: WebSocket) => new Promise<number>((resolve) => socket.once('close', resolve));
  const raw = (origin?: string) => new WebSocket(url(), 'graphql-transport-ws', { origin });

  it('lets nobody in without a key', async () => {
    const socket = raw();
    socket.once('open', () => socket.send('{"type":"connection_init","payload":{"authorization":"Bearer bad"}}'));
    expect(await closeOf(socket)).toBe(4403);
    const early = raw();
    early.once('open', () => early.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: NEW_MAIL } })));
    expect(await closeOf(early)).toBe(4401);
  });

  it('refuses pages without an origin, other paths, and frames larger than any subscription', async () => {
    const refused = (socket: WebSocket) =>
      new Promise<string>((resolve) => socket.once('error', ({ message }) => resolve(message)));
    expect(await refused(raw('null'))).toContain('403');
    expect(await refused(new WebSocket(`ws://127.0.0.1:${port}/other`, 'graphql-transport-ws'))).toContain('404');
    const socket = raw('https://app.example.org');
    socket.once('open', () => socket.send('x'.repeat(70_000)));
    expect(await closeOf(socket)).toBe(1009);
  });

  it('holds one result for a client that does not read, whatever happens meanwhile', async () => {
    const socket = raw();
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: good } }));
    await new Promise((resolve) => socket.once('message', resolve));
    services.subject = 'x'.repeat(1_000_000);
    socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: NEW_MAIL } }));
    await services.untilListening();
    socket.pause();
    for (let i = 0; i < 200; i++) services.announce({});
    // Until what the kernel takes is full, results leave; then none is made any more.
    let made = -1;
    while (made !== (services.calls['findMessagesOfChanges'] ?? 0)) {
      made = services.calls['findMessagesOfChanges'] ?? 0;
      await wait(300);
    }
    expect(made).toBeLessThan(100);
    socket.terminate();
    await services.untilQuiet();
  });
});

describe('server-sent events', () => {
  const connect = () =>
    createSseClient({ url: `http://127.0.0.1:${port}/graphql`, headers: { authorization: good }, retryAttempts: 0 });

  it('bring news as they come, and end when the client leaves', async () => {
    const client = connect();
    const events = client.iterate({ query: NEW_MAIL });
    const first = events.next();
    await services.untilListening();
    services.announce({});
    expect((await first).value).toMatchObject({ data: { messageAdded: { message: { id: publicMessageId } } } });
    client.dispose();
    await services.untilQuiet();
  });

  it('tell why a stream ended, and what is wrong with a query', async () => {
    services.endWith = new MailError('CURSOR_EXPIRED', 'too far back');
    const events = connect().iterate({ query: NEW_MAIL });
    expect((await events.next()).value).toMatchObject({ errors: [{ extensions: { code: 'CURSOR_EXPIRED' } }] });
    expect((await events.next()).done).toBe(true);
    for (const [query, code] of [
      ['subscription { nope }', 'INVALID_INPUT'],
      ['mutation { pauseAccount(accountId: "x") { errors { code } } }', 'INVALID_INPUT'],
    ] as const) {
      const refused = await connect().iterate({ query }).next();
      expect(refused.value).toMatchObject({ errors: [{ extensions: { code } }] });
    }
  });

  it('need a key like everything else', async () => {
    const answer = await request(app.getHttpServer())
      .post('/graphql')
      .set('accept', 'text/event-stream')
      .send({ query: NEW_MAIL });
    expect(answer.status).toBe(401);
  });
});

it('resumes each account from its own cursor, and takes no other', async () => {
  const { encodeChangeCursor } = await import('../../events/change-cursor.js');
  const { changePosition } = await import('../../mailbox/model/ids.js');
  const cursor = encodeChangeCursor(accountUuid, changePosition(7));
  const client = createSseClient({
    url: `http://127.0.0.1:${port}/graphql`,
    headers: { authorization: good },
    retryAttempts: 0,
  });
  const query = 'subscription ($since: [ResumePoint!]) { changes(since: $since) { cursor } }';
  void client
    .iterate({ query, variables: { since: [{ accountId: publicAccountId, cursor }] } })
    .next()
    .catch(() => undefined);
  await services.untilListening();
  expect(services.last('changes')).toMatchObject({ since: [{ accountId: accountUuid, position: 7n }] });
  const bad = client.iterate({ query, variables: { since: [{ accountId: publicAccountId, cursor: 'x' }] } });
  expect((await bad.next()).value).toMatchObject({ errors: [{ extensions: { code: 'INVALID_INPUT' } }] });
  client.dispose();
  await services.untilQuiet();
  expect(messageUuid).toHaveLength(36);
});

it('leaves streams broken and not completed when it stops, so that clients come back, and stops soon', async () => {
  const stopping = new FakeServices();
  const other = await stopping.createApp();
  await other.listen(0, '127.0.0.1');
  const { port: otherPort } = other.getHttpServer().address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${otherPort}/graphql`, 'graphql-transport-ws');
  const seen: string[] = [];
  socket.on('message', (data) => seen.push((JSON.parse((data as Buffer).toString()) as { type: string }).type));
  socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: good } })));
  socket.once('message', () => {
    socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: NEW_MAIL } }));
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await stopping.untilListening();
  const response = await fetch(`http://127.0.0.1:${otherPort}/graphql`, {
    method: 'POST',
    headers: { authorization: good, accept: 'text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({ query: NEW_MAIL }),
  });
  const text = response.text();
  const started = performance.now();
  await other.close();
  // No `complete`: the stream broke off, and the client is told when to come back.
  expect(await text).toMatch(/^:\n\n(:\n\n)*retry: [1-5]\d{3}\n\n$/);
  expect(performance.now() - started).toBeLessThan(3_000);
  expect(await closed).toBe(1012);
  expect(seen).toEqual(['connection_ack']);
  await stopping.untilQuiet();
});

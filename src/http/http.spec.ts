import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { FakeServices, publicMessageId } from '../../test/fakes/mail-services.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import { Readiness } from '../observability/readiness.js';

const services = new FakeServices();
let app: INestApplication;
const fetch = (path: string) => request(app.getHttpServer()).get(path);

beforeAll(async () => {
  app = await services.createApp();
  await app.listen(0, '127.0.0.1');
});
afterAll(() => app.close());
beforeEach(() => services.reset());

const raw = `/content/raw/${publicMessageId}`;
const partUrl = `/content/part/${publicMessageId}/2`;

describe('downloads', () => {
  it('give the exact octets to whoever has a signed address, as nothing a browser would run', async () => {
    const answer = await fetch(`${raw}?exp=1&sig=good`).buffer(true).parse(binary);
    expect(answer.body).toEqual(Buffer.from('octets'));
    expect(answer.headers).toMatchObject({
      'content-type': 'message/rfc822',
      'content-disposition': `attachment; filename="${publicMessageId}.eml"`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("sandbox; default-src 'none'"),
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': expect.stringContaining('private'),
      'access-control-allow-origin': '*',
    });
  });

  it.each(['', '?exp=1&sig=bad', '?sig=good&sig=good'])('refuse an address that is not signed: %s', async (query) => {
    const answer = await fetch(raw + query);
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ code: 'FORBIDDEN', message: expect.any(String) });
    expect(services.calls).toEqual({});
  });

  it.each([
    ['image/png', undefined, 'image/png', 'inline; filename="a.png"'],
    ['image/svg+xml', undefined, 'image/svg+xml', 'attachment; filename="a.png"'],
    ['text/html', 'utf-8', 'text/html; charset=utf-8', 'attachment; filename="a.png"'],
    ['application/xhtml+xml', undefined, 'application/xhtml+xml', 'attachment; filename="a.png"'],
    ['text/plain', 'x\r\nset-cookie: a', 'text/plain', 'attachment; filename="a.png"'],
    ['text/html\r\nx: y', undefined, 'application/octet-stream', 'attachment; filename="a.png"'],
  ])('show pictures and nothing else: %j', async (contentType, charset, type, disposition) => {
    services.downloadPart = { ...services.downloadPart, contentType, charset };
    const { headers } = await fetch(`${partUrl}?sig=good`).buffer(true).parse(binary);
    expect(headers['content-type']).toBe(type);
    expect(headers['content-disposition']).toBe(disposition);
  });

  it('answer with a code where the message cannot be had', async () => {
    services.fail = new MailError('NOT_FOUND', 'no such message');
    expect((await fetch(`${raw}?sig=good`)).status).toBe(404);
    services.fail = new MailError('CONNECTION_FAILED', 'unreachable');
    expect((await fetch(`${raw}?sig=good`)).body).toEqual({ code: 'CONNECTION_FAILED', message: 'unreachable' });
    services.fail = new Error('secret');
    expect((await fetch(`${raw}?sig=good`)).body).toEqual({
      code: 'INTERNAL',
      message: expect.not.stringContaining('secret'),
    });
  });

  const connect = async (): Promise<IncomingMessage> => {
    const { port } = app.getHttpServer().address() as AddressInfo;
    const [response] = await once(get(`http://127.0.0.1:${port}${raw}?sig=good`), 'response');
    return response as IncomingMessage;
  };

  it('read no faster than the client does, and stop when it leaves', async () => {
    let given = 0;
    let ended: (() => void) | undefined;
    const left = new Promise<void>((resolve) => {
      ended = resolve;
    });
    services.chunks = async function* () {
      try {
        for (; given < 2000; given++) yield Buffer.alloc(100_000);
      } finally {
        ended?.();
      }
    };
    const response = await connect();
    response.pause();
    const socket = response.socket;
    // What the kernel holds for the two ends is a few megabytes; the rest has to wait.
    let before = -1;
    while (given !== before) {
      before = given;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(given).toBeLessThan(500);
    response.on('error', () => undefined);
    socket?.destroy();
    const signal = services.last('openRaw') as AbortSignal;
    if (!signal.aborted) await once(signal, 'abort');
    await left;
    expect(given).toBeLessThan(500);
  });

  it('break off where octets are missing, rather than end as if all were there', async () => {
    let begun: (() => void) | undefined;
    const arrived = new Promise<void>((resolve) => {
      begun = resolve;
    });
    services.chunks = async function* () {
      yield Buffer.alloc(10);
      await arrived;
      throw new MailError('CONNECTION_FAILED', 'lost');
    };
    const response = await connect();
    response.resume();
    begun?.();
    const [error] = (await once(response, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  it('tell of a HEAD what a GET would give, without reading it', async () => {
    const answer = await request(app.getHttpServer()).head(`${partUrl}?sig=good`);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-disposition']).toContain('a.png');
  });
});

describe('health', () => {
  it('is alive, and ready while everything that registered says so', async () => {
    expect((await fetch('/health/live')).body).toEqual({ status: 'ok' });
    let database = true;
    app.get(Readiness).register('database', () => {
      if (!database) throw new Error('down');
      return true;
    });
    expect((await fetch('/health/ready')).body).toEqual({ status: 'ok', checks: { database: true } });
    database = false;
    const answer = await fetch('/health/ready');
    expect(answer.status).toBe(503);
    expect(answer.body).toEqual({ status: 'not ready', checks: { database: false } });
  });
});

describe('metrics', () => {
  it('are for a key with scope ADMIN', async () => {
    expect((await fetch('/metrics')).status).toBe(401);
    expect((await fetch('/metrics').set('authorization', 'Bearer reader')).status).toBe(403);
    const answer = await fetch('/metrics').set('authorization', 'Bearer good');
    expect(answer.text).toContain('process_cpu_seconds_total');
  });
});

describe('console', () => {
  it('comes with all its scripts, and lets the page load nothing from elsewhere', async () => {
    const page = await fetch('/');
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    const urls = [...page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, url]) => url!);
    expect(urls).toContain('/console/boot.js');
    for (const url of [...urls, '/console/graphiql.js', '/console/graphql.worker.js']) {
      const asset = await fetch(url).buffer(true).parse(binary);
      expect(asset.status).toBe(200);
    }
  });

  it('has examples that the contract knows', async () => {
    const { EXAMPLES } = await import('./console/examples.js');
    for (const { query, variables = '{}' } of EXAMPLES) {
      const answer = await request(app.getHttpServer())
        .post('/graphql')
        .set('authorization', 'Bearer good')
        .send({ query, variables: JSON.parse(variables) });
      const codes = (answer.body.errors ?? []).map((error: { message: string }) => error.message).join();
      expect(codes).not.toMatch(/Cannot query|Unknown|Syntax|Variable/);
    }
  });
});

it('says in JSON that there is nothing at an address', async () => {
  const answer = await fetch('/nothing/here');
  expect(answer.status).toBe(404);
  expect(answer.body).toEqual({ code: 'NOT_FOUND', message: expect.any(String) });
  expect(answer.headers['x-powered-by']).toBeUndefined();
  expect((await fetch('/console/%2e%2e%2fpackage.json')).status).toBe(404);
  expect((await fetch('/content/raw/%ff')).status).toBe(400);
});

function binary(response: request.Response, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => done(null, Buffer.concat(chunks)));
}

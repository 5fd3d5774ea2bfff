import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { readMboxrd } from '../../../test/factories/exports.js';
import { FakeServices, publicMailboxId } from '../../../test/fakes/mail-services.js';
import { MailError } from '../../mailbox/mailbox.errors.js';

const services = new FakeServices();
let app: INestApplication;
const path = `/content/mailbox/${publicMailboxId}/mbox`;

beforeAll(async () => {
  app = await services.createApp();
  await app.listen(0, '127.0.0.1');
});
afterAll(() => app.close());
beforeEach(() => services.reset());

const port = (): number => (app.getHttpServer().address() as AddressInfo).port;

describe('an export', () => {
  it('is a file to be kept, by nobody in between', async () => {
    const { headers, body } = await request(app.getHttpServer())
      .get(`${path}?sig=good`)
      .buffer(true)
      .parse((response, done) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => done(null, Buffer.concat(chunks)));
      });
    expect(headers).toMatchObject({
      'content-type': 'application/mbox',
      'content-disposition': 'attachment; filename="INBOX.mbox"',
      'cache-control': 'private, no-store',
      'accept-ranges': 'none',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining('sandbox'),
    });
    expect(readMboxrd(body as Buffer)).toEqual([Buffer.from('octets')]);
  });

  it.each([
    ['', 403],
    ['?sig=bad', 403],
  ])('is refused without a signature: %s', async (query, status) => {
    expect((await request(app.getHttpServer()).get(path + query)).status).toBe(status);
    expect(services.calls).toEqual({});
  });

  it.each([path.replace('/mbox', '/zip'), path.replace('mbx_', 'msg_'), path.replace('mbx_', 'no')])(
    'is not there: %s',
    async (address) => {
      expect((await request(app.getHttpServer()).get(`${address}?sig=good`)).status).toBe(404);
      expect(services.calls).toEqual({});
    },
  );

  it('says with a status what keeps it from beginning', async () => {
    services.fail = new MailError('CONFLICT', 'paused');
    const answer = await request(app.getHttpServer()).get(`${path}?sig=good`);
    expect(answer.status).toBe(409);
    expect(answer.body).toEqual({ code: 'CONFLICT', message: 'paused' });
  });

  it('tells of a HEAD what a GET would give, and counts as running no longer', async () => {
    const answer = await request(app.getHttpServer()).head(`${path}?sig=good`);
    expect(answer.headers['content-disposition']).toContain('INBOX.mbox');
    expect(await aborted()).toBe(true);
  });

  it('reads no further when its client has left', async () => {
    services.chunks = endless;
    const [response] = (await once(get(`http://127.0.0.1:${port()}${path}?sig=good`), 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    response.destroy();
    expect(await aborted()).toBe(true);
  });

  it('ends with the gateway, whatever its client does', async () => {
    services.chunks = endless;
    const other = await services.createApp();
    await other.listen(0, '127.0.0.1');
    const address = other.getHttpServer().address() as AddressInfo;
    const [response] = (await once(get(`http://127.0.0.1:${address.port}${path}?sig=good`), 'response')) as [
      IncomingMessage,
    ];
    const failed = once(response, 'error');
    response.pause();
    await other.close();
    response.resume();
    await expect(failed).resolves.toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('that breaks off is reset for clients to whom the end of the connection is the end of the file', async () => {
    services.chunks = async function* () {
      yield Buffer.from('oct');
      await once(socket, 'data');
      throw new MailError('CONNECTION_FAILED', 'lost');
    };
    const socket = connect(port(), '127.0.0.1');
    socket.write(`GET ${path}?sig=good HTTP/1.0\r\n\r\n`);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });
});

async function* endless(): AsyncGenerator<Buffer> {
  for (;;) yield Buffer.alloc(100_000);
}

async function aborted(): Promise<boolean> {
  const signal = services.last('exportMailbox') as AbortSignal;
  if (!signal.aborted) await once(signal, 'abort', { signal: AbortSignal.timeout(5_000) });
  return true;
}

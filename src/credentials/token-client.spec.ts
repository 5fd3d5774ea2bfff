import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { lookup } from 'node:dns/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createTlsFixtures } from '../../test/servers/tls-fixtures.js';
import { EndpointPolicy } from '../accounts/endpoint-policy.js';
import type { Config } from '../config/config.js';
import { TokenClient } from './token-client.js';

const tls = createTlsFixtures();
const config = (networks: string[] = ['127.0.0.0/8', '::1/128']): Config =>
  ({
    mail: { hostAllow: { networks, hosts: [] }, portAllow: 'any', allowPlaintext: false, extraCa: tls.caPem },
  }) as unknown as Config;
const client = (c = config(), resolve: typeof lookup = lookup): TokenClient =>
  new TokenClient(new EndpointPolicy(c, resolve), c);
const signal = AbortSignal.timeout(10_000);

describe('TokenClient', () => {
  let server: Server | undefined;
  afterEach(async () => {
    server?.closeAllConnections();
    server?.close();
    if (server) await once(server, 'close');
    server = undefined;
  });

  async function serve(
    handle: (request: IncomingMessage, body: string, response: ServerResponse) => void,
    certificate = { key: tls.keyPem, cert: tls.certPem },
  ): Promise<string> {
    server = createServer(certificate, (request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => handle(request, body, response));
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `https://localhost:${(server.address() as AddressInfo).port}/token`;
  }

  it('sends the grant as a form and gives the new tokens', async () => {
    let seen: unknown;
    const tokenUrl = await serve((request, body, response) => {
      seen = [
        request.method,
        request.url,
        request.headers['content-type'],
        Object.fromEntries(new URLSearchParams(body)),
      ];
      response.end(JSON.stringify({ access_token: 'new', expires_in: 60, refresh_token: 'next' }));
    });
    const renewal = { refreshToken: 'r&=', tokenUrl, clientId: 'id', clientSecret: 's', scope: 'mail offline' };
    await expect(client().renew(renewal, signal)).resolves.toMatchObject({ accessToken: 'new', refreshToken: 'next' });
    expect(seen).toEqual([
      'POST',
      '/token',
      'application/x-www-form-urlencoded',
      { grant_type: 'refresh_token', refresh_token: 'r&=', client_id: 'id', client_secret: 's', scope: 'mail offline' },
    ]);
  });

  it('dials the address that was checked, not what the name would give', async () => {
    const tokenUrl = (await serve((_request, _body, response) => response.end('{"access_token":"a"}'))).replace(
      'localhost',
      'tokens.invalid',
    );
    const checked = (async () => [{ address: '127.0.0.1', family: 4 }]) as unknown as typeof lookup;
    // The name in the certificate is another: it is compared with the name, though an address was dialled.
    await expect(client(config(), checked).renew({ refreshToken: 'r', tokenUrl }, signal)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
  });

  it('refuses forbidden hosts and plain http before anything is sent', async () => {
    let asked = false;
    const tokenUrl = await serve((_request, _body, response) => {
      asked = true;
      response.end();
    });
    const strict = client(config([]));
    await expect(strict.renew({ refreshToken: 'r', tokenUrl }, signal)).rejects.toMatchObject({
      code: 'HOST_FORBIDDEN',
    });
    const plain = { refreshToken: 'r', tokenUrl: tokenUrl.replace('https', 'http') };
    await expect(client().renew(plain, signal)).rejects.toMatchObject({ code: 'HOST_FORBIDDEN' });
    expect(asked).toBe(false);
  });

  it('follows no redirect and reads no endless answer', async () => {
    const away = await serve((_request, _body, response) => {
      response.writeHead(307, { location: 'https://localhost:1/' }).end();
    });
    await expect(client().renew({ refreshToken: 'r', tokenUrl: away }, signal)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    server!.closeAllConnections();
    server!.removeAllListeners('request');
    server!.on('request', (_request: IncomingMessage, response: ServerResponse) => {
      response.on('error', () => undefined);
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(32 * 1024), more));
      more();
    });
    await expect(client().renew({ refreshToken: 'r', tokenUrl: away }, signal)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('too long'),
    });
  });

  it('ends when the caller has had enough', async () => {
    const caller = new AbortController();
    const tokenUrl = await serve(() => caller.abort(new Error('enough')));
    await expect(client().renew({ refreshToken: 'r', tokenUrl }, caller.signal)).rejects.toThrow('enough');
  });
});

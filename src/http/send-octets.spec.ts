import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Response } from 'express';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sendOctets } from './send-octets.js';

describe('sending octets', () => {
  let server: Server;
  let sent: Promise<unknown>;
  let taken: number;
  let patienceMs: number;
  const none = new AbortController().signal;

  beforeEach(async () => {
    taken = 0;
    server = createServer((_request, response) => {
      sent = sendOctets(response as Response, chunks(), none, patienceMs).catch((error: unknown) => error);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => void server.close());

  async function* chunks(): AsyncGenerator<Buffer> {
    for (; taken < 2_000; taken += 1) yield Buffer.alloc(100_000);
  }

  it('ends with a client that takes nothing any more', async () => {
    patienceMs = 200;
    const asked = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.pause();
    await expect(sent).resolves.toMatchObject({ code: 'TIMEOUT' });
    // What the kernel holds for the two ends is a few megabytes.
    expect(taken).toBeLessThan(500);
    response.on('error', () => undefined);
    response.destroy();
  });

  it('gives everything to one that reads', async () => {
    patienceMs = 10_000;
    const asked = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    let received = 0;
    for await (const chunk of response) received += (chunk as Buffer).length;
    expect(received).toBe(200_000_000);
    await expect(sent).resolves.toBeUndefined();
  });
});

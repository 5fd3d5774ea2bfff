import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CuttingProxy, type Cut } from './cutting-proxy.js';

let server: Server;
let proxy: CuttingProxy;
let arrived: string;

beforeEach(async () => {
  arrived = '';
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      arrived += chunk.toString();
      socket.write('+OK\r\n');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await CuttingProxy.start((server.address() as AddressInfo).port);
});

afterEach(async () => {
  await proxy.close();
  server.close();
});

/** Sends one piece after another, each when the one before is answered. @returns what came back */
async function talk(cut: Cut, pieces: readonly string[]): Promise<string> {
  proxy.cut = cut;
  const client = connect(proxy.port, '127.0.0.1');
  let answer = '';
  let sent = 0;
  const next = (): void => {
    if (sent < pieces.length) client.write(pieces[sent++]!);
  };
  client.on('error', () => undefined).on('connect', next);
  client.on('data', (chunk: Buffer) => {
    answer += chunk.toString();
    next();
  });
  // Its error comes first, and is what is expected.
  await new Promise<void>((resolve) => client.on('close', () => resolve()));
  return answer;
}

describe('a connection that is cut', () => {
  it.each([
    ['within a piece', 7, 'RETR 1\r'],
    ['between two', 8, 'RETR 1\r\n'],
    ['before the first octet', 0, ''],
  ])('passes the octets before the cut and none after it: %s', async (_, afterBytes, expected) => {
    await talk({ direction: 'toServer', afterBytes }, ['RETR 1\r\n', 'RETR 2\r\n', 'QUIT\r\n']);
    expect(arrived).toBe(expected);
  });

  it('passes nothing of what was read between the cut and its end, which a slow reader delays', async () => {
    const afterBytes = 20_000_000;
    server.removeAllListeners('connection');
    const reader = once(server, 'connection') as Promise<[Socket]>;
    proxy.cut = { direction: 'toServer', afterBytes };
    const client = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    const [socket] = await reader;
    // More than the buffers of the system hold, so that the proxy has read on when it comes to the cut.
    await new Promise((resolve) => client.write(Buffer.alloc(2 * afterBytes), resolve));
    let received = 0;
    socket.on('error', () => undefined).on('data', (chunk: Buffer) => (received += chunk.length));
    await new Promise<void>((resolve) => socket.on('close', () => resolve()));
    expect(received).toBeLessThanOrEqual(afterBytes);
  });

  it('is cut a number of octets after a command began', async () => {
    const cut: Cut = { direction: 'toServer', afterBytes: 2, from: 'QUIT' };
    expect(await talk(cut, ['DELE 1\r\n', 'DELE 2\r\n', 'QUIT\r\n'])).toBe('+OK\r\n+OK\r\n');
    expect(arrived).toBe('DELE 1\r\nDELE 2\r\nQU');
  });
});

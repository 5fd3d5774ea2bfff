import { Logger } from '@nestjs/common';
import { CloseCode, type WebSocket as ProtocolSocket } from 'graphql-ws';
import type { RawData, WebSocket } from 'ws';

type Closed = (code: number, reason: string) => Promise<void>;

const pingMs = 15_000;
const log = new Logger('WebSocket');

/**
 * Joins a socket of `ws` to the protocol. `send` resolves when the octets have left the process, and the protocol sends the next
 * result only then: a client that does not read holds one result of each subscription, and, since it does not answer pings either,
 * is cut off.
 */
export function openSocket(socket: WebSocket, open: (link: ProtocolSocket) => Closed): void {
  const closed = open({
    protocol: socket.protocol,
    send: (data) => send(socket, data),
    close: (code, reason) => socket.close(code, reason),
    onMessage: (handle) =>
      socket.on('message', (data) => {
        handle(textOf(data)).catch((error: unknown) => {
          log.error({ error }, 'message could not be handled');
          socket.close(CloseCode.InternalServerError, 'internal error');
        });
      }),
  });
  const stopPings = keepAlive(socket);
  // E.g. a frame over the limit: `ws` itself closes the socket with the code that says so.
  socket.on('error', (error) => log.debug({ error }, 'socket failed'));
  socket.once('close', (code, reason) => {
    stopPings();
    closed(code, String(reason)).catch((error: unknown) => log.error({ error }, 'socket could not be left'));
  });
}

function send(socket: WebSocket, data: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) resolve();
    // A socket that failed is closed right after: its subscriptions end by that.
    else socket.send(data, () => resolve());
  });
}

function keepAlive(socket: WebSocket): () => void {
  let answered = true;
  socket.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) {
      socket.terminate();
      return;
    }
    answered = false;
    socket.ping();
  }, pingMs);
  return () => clearInterval(timer);
}

const textOf = (data: RawData): string => {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
};

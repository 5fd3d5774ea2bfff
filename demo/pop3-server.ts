import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Maildrop } from './pop3-maildrop.js';
import { Pop3ServerSession } from './pop3-session.js';

export interface Pop3ServerOptions {
  readonly user: string;
  readonly password: string;
}

/**
 * A POP3 server for one user (RFC 1939, RFC 2449), in memory and in plain text, for the demo: the required commands and
 * USER, PASS, TOP, UIDL and CAPA. Not done: APOP, STLS, SASL, and anything that lasts longer than the process.
 */
export class Pop3Server {
  readonly maildrop = new Maildrop();
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(options: Pop3ServerOptions) {
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      new Pop3ServerSession(socket, this.maildrop, options).start();
    });
  }

  /** Listens on a free loopback port and gives its number. */
  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on TCP');
    return address.port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

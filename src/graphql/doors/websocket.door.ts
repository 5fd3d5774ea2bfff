import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocketServer, type WebSocket } from 'ws';
import { sayFarewell } from './farewell.js';
import { SubscriptionProtocol } from './subscription-protocol.js';
import { openSocket } from './socket-link.js';

const path = '/graphql';
/** Subscriptions are texts; nothing that comes this way is large. */
const maxPayload = 64 * 1024;
/** Time to say good-bye in; then the connection is cut. */
const closeMs = 2_000;
/** RFC 6455's registry: 1012 "service restart", after which clients come back with some delay. */
const serviceRestart = 1012;

/** Lets WebSockets in at `/graphql`: sub-protocol `graphql-transport-ws`, subscriptions only. */
@Injectable()
export class WebSocketDoor implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly server: WebSocketServer;
  private leaving: Promise<void> | undefined;
  private readonly onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void =>
    this.upgrade(request, socket, head);

  constructor(
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(SubscriptionProtocol) private readonly protocol: SubscriptionProtocol,
  ) {
    this.server = new WebSocketServer({
      noServer: true,
      maxPayload,
      perMessageDeflate: false,
      handleProtocols: (offered) => this.protocol.choose(offered),
    });
  }

  onApplicationBootstrap(): void {
    this.adapterHost.httpAdapter.getHttpServer().on('upgrade', this.onUpgrade);
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refusal = this.leaving ? '503 Service Unavailable' : refuse(request);
    if (refusal) {
      socket.end(`HTTP/1.1 ${refusal}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    this.server.handleUpgrade(request, socket, head, (webSocket) => {
      openSocket(webSocket, (link) => this.protocol.opened(link, request));
    });
  }

  /** Subscriptions are not completed: to the client the connection broke, so it comes back and resumes. */
  onModuleDestroy(): void {
    this.leaving = sayFarewell(this.server.clients, sayGoodBye);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.leaving;
    this.adapterHost.httpAdapter.getHttpServer().off('upgrade', this.onUpgrade);
    this.server.close();
  }
}

/**
 * No list of origins: there are no cookies, a page must hold a key before it gets an answer, just as over HTTP. Only pages without an
 * origin of their own are refused, for such is HTML out of a mail that was opened on its own.
 */
function refuse({ url, headers: { origin } }: IncomingMessage): string | undefined {
  if (new URL(url ?? '', 'http://localhost').pathname !== path) return '404 Not Found';
  if (origin !== undefined && !/^https?:\/\/[^/]+$/.test(origin)) return '403 Forbidden';
  return undefined;
}

function sayGoodBye(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => socket.terminate(), closeMs);
    socket.once('close', () => {
      clearTimeout(cut);
      resolve();
    });
    socket.close(serviceRestart, 'going away: come back and resume from your cursor');
  });
}

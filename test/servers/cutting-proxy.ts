import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Cut {
  readonly direction: 'toServer' | 'toClient';
  /** So many octets still pass. */
  readonly afterBytes: number;
}

/** Passes TCP connections on, and cuts each where it is told to: both sides see a reset. */
export class CuttingProxy {
  /** For connections from now on; undefined lets them live. */
  cut: Cut | undefined;

  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    private readonly targetPort: number,
  ) {}

  static async start(targetPort: number): Promise<CuttingProxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new CuttingProxy(server, targetPort);
    server.on('connection', (client) => proxy.pass(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return address.port;
  }

  /** Cuts every connection there is, at once. */
  cutNow(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private pass(client: Socket): void {
    const { cut } = this;
    const server = connect({ port: this.targetPort, host: '127.0.0.1', allowHalfOpen: true });
    const end = (): void => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on('error', end).on('close', () => this.sockets.delete(socket));
    }
    const leftOf = (direction: Cut['direction']): number => (cut?.direction === direction ? cut.afterBytes : Infinity);
    this.pump(client, server, leftOf('toServer'), end);
    this.pump(server, client, leftOf('toClient'), end);
  }

  private pump(from: Socket, to: Socket, afterBytes: number, end: () => void): void {
    let left = afterBytes;
    from.on('data', (chunk: Buffer) => {
      // The octets before the cut arrive, so that a cut after QUIT is one whose answer is lost.
      if (chunk.length > left) to.write(chunk.subarray(0, left), () => setImmediate(end));
      else to.write(chunk);
      left -= chunk.length;
    });
    from.on('end', () => to.end());
  }
}

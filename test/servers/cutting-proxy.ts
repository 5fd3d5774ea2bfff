import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Cut {
  readonly direction: 'toServer' | 'toClient';
  /** So many octets still pass. */
  readonly afterBytes: number;
  /** Counted from the beginning of the first chunk that begins with it, e.g. a command that is not pipelined. */
  readonly from?: string;
}

/** Passes TCP connections on, and cuts each where it is told to: both sides see a reset. */
export class CuttingProxy {
  /** For connections from now on; undefined lets them live. */
  cut: Cut | undefined;
  /** Sees what passes before it does. */
  watch: ((direction: Cut['direction'], chunk: Buffer) => void) | undefined;
  /** Called where a connection is cut, before it is. */
  onCut: (() => void) | undefined;

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
    const cutIn = (direction: Cut['direction']): Cut | undefined => (cut?.direction === direction ? cut : undefined);
    this.pump('toServer', client, server, cutIn('toServer'), end);
    this.pump('toClient', server, client, cutIn('toClient'), end);
  }

  private pump(direction: Cut['direction'], from: Socket, to: Socket, cut: Cut | undefined, end: () => void): void {
    let left = cut && cut.from === undefined ? cut.afterBytes : Infinity;
    let isCut = false;
    from.on('data', (chunk: Buffer) => {
      // What was read between the cut and the end must not follow.
      if (isCut) return;
      if (cut?.from !== undefined && chunk.indexOf(cut.from, 0, 'latin1') === 0) left = Math.min(left, cut.afterBytes);
      const passed = chunk.length < left ? chunk : chunk.subarray(0, left);
      left -= chunk.length;
      isCut = left <= 0;
      this.watch?.(direction, passed);
      if (!isCut) {
        to.write(passed);
        return;
      }
      this.onCut?.();
      // The octets before the cut arrive, so that a cut after QUIT is one whose answer is lost.
      to.write(passed, () => setImmediate(end));
    });
    from.on('end', () => to.end());
  }
}

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Cut {
  readonly direction: 'toServer' | 'toClient';
  /** So many octets still pass. */
  readonly afterBytes: number;
  /** Counted from the beginning of the first chunk that begins with it, e.g. a command that is not pipelined. */
  readonly from?: string;
}

interface Flow {
  readonly direction: Cut['direction'];
  readonly from: Socket;
  readonly to: Socket;
  readonly cut: Cut | undefined;
  readonly end: () => void;
  readonly watch: (direction: Cut['direction'], chunk: Buffer) => void;
}

/** Passes TCP connections on, and cuts each where it is told to: both sides see a reset. */
export class CuttingProxy {
  /** For connections from now on; undefined lets them live. */
  cut: Cut | undefined;
  /** Sees what passes before it does. */
  watch: ((direction: Cut['direction'], chunk: Buffer, connection: number) => void) | undefined;
  /** Called where a connection is cut, before it is. */
  onCut: (() => void) | undefined;

  private readonly sockets = new Set<Socket>();
  private connections = 0;
  private held = false;

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

  /** Nothing passes any more, either way, until `release`; what was sent waits. */
  hold(): void {
    this.held = true;
    for (const socket of this.sockets) socket.pause();
  }

  release(): void {
    this.held = false;
    for (const socket of this.sockets) socket.resume();
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
    const connection = (this.connections += 1);
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
    const watch = (direction: Cut['direction'], chunk: Buffer): void => this.watch?.(direction, chunk, connection);
    this.pump({ direction: 'toServer', from: client, to: server, cut: cutIn('toServer'), end, watch });
    this.pump({ direction: 'toClient', from: server, to: client, cut: cutIn('toClient'), end, watch });
  }

  private pump({ direction, from, to, cut, end, watch }: Flow): void {
    let left = cut && cut.from === undefined ? cut.afterBytes : Infinity;
    let isCut = false;
    from.on('data', (chunk: Buffer) => {
      // What was read between the cut and the end must not follow.
      if (isCut) return;
      if (cut?.from !== undefined && chunk.indexOf(cut.from, 0, 'latin1') === 0) left = Math.min(left, cut.afterBytes);
      const passed = chunk.length < left ? chunk : chunk.subarray(0, left);
      left -= chunk.length;
      isCut = left <= 0;
      watch(direction, passed);
      if (!isCut) {
        to.write(passed);
        return;
      }
      this.onCut?.();
      // Handed to the system before the reset, which may overtake them: they mostly arrive.
      to.write(passed, () => setImmediate(end));
    });
    from.on('end', () => to.end());
    if (this.held) from.pause();
  }
}

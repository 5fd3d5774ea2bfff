import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** More than this on its way makes the sender wait, as a TCP window does. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/** Passes TCP connections on, each octet so much later, in order, at any rate; and counts what it passes. */
export class DelayingProxy {
  /** Octets since {@link resetCounts}. */
  fromServerBytes = 0;
  private onServerOctets: (octets: Buffer) => void = () => undefined;
  private readonly commands = new Map<string, number>();
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
    private readonly delayMs: number,
  ) {}

  /** @param roundTripMs half of it each way */
  static async start(targetPort: number, roundTripMs: number): Promise<DelayingProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new DelayingProxy(server, targetPort, roundTripMs / 2);
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

  /** @returns `performance.now()` of the next octets from the server in which a line is like this; for connections without TLS */
  hears(line: RegExp): Promise<number> {
    return new Promise((resolve) => {
      this.onServerOctets = (octets) => {
        if (!line.test(octets.toString('latin1'))) return;
        this.onServerOctets = () => undefined;
        resolve(performance.now());
      };
    });
  }

  /** How often clients sent a line that begins with this word; for connections without TLS. */
  commandCount(word: string): number {
    return this.commands.get(word) ?? 0;
  }

  resetCounts(): void {
    this.fromServerBytes = 0;
    this.commands.clear();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private pass(client: Socket): void {
    const server = connect({ port: this.targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on('error', () => [client, server].forEach((one) => one.destroy()));
      socket.on('close', () => this.sockets.delete(socket));
    }
    let line = '';
    client.on('data', (chunk: Buffer) => {
      const lines = (line + chunk.toString('latin1')).split('\r\n');
      line = lines.pop() ?? '';
      for (const one of lines) this.count(one.split(' ', 1)[0]?.toUpperCase() ?? '');
    });
    server.on('data', (chunk: Buffer) => {
      this.fromServerBytes += chunk.length;
      this.onServerOctets(chunk);
    });
    this.pump(client, server);
    this.pump(server, client);
  }

  private count(word: string): void {
    this.commands.set(word, (this.commands.get(word) ?? 0) + 1);
  }

  private pump(from: Socket, to: Socket): void {
    const { delayMs } = this;
    let underWay = 0;
    // Timers of one length fire in the order they were set, so nothing overtakes.
    const later = delayMs === 0 ? (work: () => void) => work() : (work: () => void) => setTimeout(work, delayMs);
    from.on('data', (chunk: Buffer) => {
      underWay += chunk.length;
      if (underWay > WINDOW_BYTES) from.pause();
      later(() =>
        to.write(chunk, () => {
          underWay -= chunk.length;
          if (underWay <= WINDOW_BYTES) from.resume();
        }),
      );
    });
    from.on('end', () => later(() => to.end()));
    // Whoever is gone is gone for the other side too, once everything that was sent before has arrived.
    from.on('close', () => later(() => to.end()));
  }
}

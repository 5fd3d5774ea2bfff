import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import type { ServerCertificate } from './tls-fixtures.js';

/** What a test server does with one connection. Rejecting, or ending early with lines unread, shows up in `close`. */
export type Script = (peer: ScriptedPeer, index: number) => Promise<void>;

export interface ScriptedServerOptions {
  /** TLS from the first byte. */
  readonly tls?: ServerCertificate;
}

type Octets = string | Buffer;
const toBuffer = (octets: Octets): Buffer => (typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets);

/** One client's connection, seen from the server: every segment sent is the script's choice. */
export class ScriptedPeer {
  /** Every line the client sent, without its CRLF, in order. */
  readonly received: string[] = [];
  private readonly unread: string[] = [];
  private rest = '';
  private ended = false;
  private waiting: (() => void)[] = [];

  constructor(private socket: Socket) {
    this.adopt(socket);
  }

  get closed(): boolean {
    return this.ended || this.socket.destroyed;
  }

  /** The next line, without its CRLF; undefined when the client hung up. */
  async nextLine(): Promise<string | undefined> {
    for (;;) {
      const line = this.unread.shift();
      if (line !== undefined || this.ended) return line;
      await this.news();
    }
  }

  /** The next line, which must be this one. */
  async expect(wanted: string | RegExp): Promise<string> {
    const line = await this.nextLine();
    const matches = typeof wanted === 'string' ? line === wanted : line !== undefined && wanted.test(line);
    if (!matches) throw new Error(`the script wanted ${String(wanted)}, the client said ${JSON.stringify(line)}`);
    return line!;
  }

  /** Reads one line that must be `wanted` and answers it. */
  async answer(wanted: string | RegExp, reply: Octets): Promise<void> {
    await this.expect(wanted);
    await this.send(reply);
  }

  /** Sends each piece as a segment of its own; the client gets a turn to read it before the next. */
  async send(...segments: readonly Octets[]): Promise<void> {
    for (const segment of segments) {
      if (this.socket.destroyed) return;
      await new Promise<void>((resolve) => this.socket.write(toBuffer(segment), () => resolve()));
      if (segments.length > 1) await turn();
    }
  }

  /** Sends octet by octet. */
  async trickle(octets: Octets): Promise<void> {
    const buffer = toBuffer(octets);
    await this.send(...Array.from(buffer, (_, index) => buffer.subarray(index, index + 1)));
  }

  /** Becomes the server side of TLS on this connection. */
  async startTls({ certPem, keyPem }: ServerCertificate): Promise<void> {
    const secured = new TLSSocket(this.release(), { isServer: true, cert: certPem, key: keyPem });
    this.adopt(secured);
    await Promise.race([once(secured, 'secure'), once(secured, 'close')]);
  }

  /** FIN. */
  end(): void {
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    if (this.socket instanceof TLSSocket) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /** Resolves when the client has hung up. */
  async clientClosed(): Promise<void> {
    while (!this.ended) await this.news();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Resolves when lines came or the client left. */
  private news(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private adopt(socket: Socket): void {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', this.onData).on('error', this.onError).on('close', this.onClose).on('end', this.onClose);
  }

  private release(): Socket {
    const { socket } = this;
    socket.pause();
    socket.off('data', this.onData).off('close', this.onClose).off('end', this.onClose);
    return socket;
  }

  private readonly onError = (): void => {};
  private readonly onClose = (): void => {
    this.ended = true;
    this.wake();
  };
  private readonly onData = (chunk: Buffer): void => {
    const lines = (this.rest + chunk.toString('latin1')).split('\r\n');
    this.rest = lines.pop() ?? '';
    this.received.push(...lines);
    this.unread.push(...lines);
    this.wake();
  };
}

/** A TCP or TLS server on a free loopback port that plays a script to each client. */
export class ScriptedServer {
  private readonly peers: ScriptedPeer[] = [];
  private readonly scripts: Promise<void>[] = [];
  private readonly failures: unknown[] = [];

  private constructor(private readonly server: Server) {}

  static async start(script: Script, { tls }: ScriptedServerOptions = {}): Promise<ScriptedServer> {
    const server = createServer();
    const scripted = new ScriptedServer(server);
    server.on('connection', (socket) => scripted.play(script, socket, tls));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return scripted;
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the server is closed');
    return address.port;
  }

  /** The connection of the `index`th client. @throws when there was none */
  peer(index = 0): ScriptedPeer {
    const peer = this.peers[index];
    if (!peer) throw new Error(`no client ${index} came`);
    return peer;
  }

  /** All lines all clients sent, in order of connection. */
  get received(): readonly string[] {
    return this.peers.flatMap((peer) => peer.received);
  }

  /** Hangs up, waits for the scripts. @throws the first failure of a script */
  async close(): Promise<void> {
    for (const peer of this.peers) peer.destroy();
    const closed = once(this.server, 'close');
    this.server.close();
    await Promise.all([closed, ...this.scripts]);
    if (this.failures.length > 0) throw this.failures[0];
  }

  private play(script: Script, socket: Socket, tls: ServerCertificate | undefined): void {
    const peer = new ScriptedPeer(socket);
    const index = this.peers.push(peer) - 1;
    const run = async (): Promise<void> => {
      if (tls) await peer.startTls(tls);
      if (!peer.closed) await script(peer, index);
    };
    this.scripts.push(run().catch((error: unknown) => void this.failures.push(error)));
  }
}

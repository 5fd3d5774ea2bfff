import { connect as connectTcp, isIP, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { CheckedEndpoint } from '../mailbox/connection.port.js';
import { aborted, connectionClosed, fromSocketError, timedOut, type Pop3Error } from './pop3.errors.js';

export interface TransportEvents {
  readonly onData: (chunk: Buffer) => void;
  /** Once; after it nothing more comes. */
  readonly onClose: (error: Pop3Error) => void;
}

interface Deadline {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const ignore = (): void => {};

/** A TCP or TLS connection that tells one listener what comes, and can be turned from the one into the other. */
export class Transport {
  private events?: TransportEvents;
  private closed = false;

  private constructor(private socket: Socket | TLSSocket) {
    this.adopt(socket);
  }

  /**
   * Dials the addresses in their order, each with its share of the time that is left.
   * @throws Pop3Error `unreachable`, `timeout`, `aborted`: the failure of the last address
   */
  static async dial(endpoint: CheckedEndpoint, { timeoutMs, signal }: Deadline): Promise<Transport> {
    const endsAt = performance.now() + timeoutMs;
    let failure: unknown = fromSocketError(undefined);
    for (const [index, host] of endpoint.addresses.entries()) {
      const shareMs = (endsAt - performance.now()) / (endpoint.addresses.length - index);
      const socket = connectTcp({ host, port: endpoint.port, noDelay: true, keepAlive: true });
      try {
        await opened(socket, 'connect', { timeoutMs: Math.max(1, shareMs), signal });
        return new Transport(socket);
      } catch (error) {
        failure = error;
        if (signal.aborted) break;
      }
    }
    throw failure;
  }

  listen(events: TransportEvents): void {
    if (this.closed) return events.onClose(connectionClosed());
    this.events = events;
    this.socket.resume();
  }

  write(octets: Buffer): void {
    if (!this.closed) this.socket.write(octets);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.closed = true;
    this.socket.destroy();
  }

  /**
   * Begins TLS on this connection: at once (RFC 8314 section 3.3) or after STLS (RFC 2595 section 4). Octets that came before
   * the handshake and were not read yet are fed to TLS, where they fail: they can never pass for octets sent inside it.
   * @param host the name the certificate must carry (RFC 6125, RFC 7817)
   * @returns TLS version and certificate subject
   * @throws Pop3Error `tls`, `closed`, `timeout`, `aborted`; the connection is destroyed
   */
  async secure(host: string, extraCa: string | undefined, deadline: Deadline): Promise<string> {
    const plain = this.socket;
    this.release(plain);
    const secured = connectTls({
      socket: plain,
      host,
      // An address is no server name (RFC 6066 section 3).
      servername: isIP(host) ? '' : host,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      secureContext: extraCa === undefined ? undefined : contextWith(extraCa),
    });
    this.socket = secured;
    await opened(secured, 'secureConnect', deadline);
    this.adopt(secured);
    return describeTls(secured);
  }

  private readonly onData = (chunk: Buffer): void => this.events?.onData(chunk);
  private readonly onError = (error: Error): void => this.close(fromSocketError(error));
  private readonly onEnd = (): void => this.close(connectionClosed());

  private adopt(socket: Socket | TLSSocket): void {
    // Paused until `listen`, so that nothing is lost in between.
    socket.pause();
    socket.on('data', this.onData).on('error', this.onError).on('end', this.onEnd).on('close', this.onEnd);
    if (this.events) socket.resume();
  }

  private release(socket: Socket | TLSSocket): void {
    socket.pause();
    socket.off('data', this.onData).off('error', this.onError).off('end', this.onEnd).off('close', this.onEnd);
    socket.on('error', ignore);
  }

  private close(error: Pop3Error): void {
    if (this.closed) return;
    this.destroy();
    this.events?.onClose(error);
  }
}

/** Waits for the event; on failure, time-out or abort the socket is destroyed. */
function opened(socket: Socket, event: 'connect' | 'secureConnect', { timeoutMs, signal }: Deadline): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Pop3Error): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off(event, onOpen).off('error', onError).off('close', onClose);
      if (!error) return resolve();
      socket.on('error', ignore).destroy();
      reject(error);
    };
    const onOpen = (): void => settle();
    const onError = (error: Error): void => settle(fromSocketError(error));
    const onClose = (): void => settle(connectionClosed());
    const onAbort = (): void => settle(aborted(signal.reason));
    const timer = setTimeout(() => settle(timedOut(event === 'connect' ? 'connecting' : 'TLS handshake')), timeoutMs);
    socket.on(event, onOpen).on('error', onError).on('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** Parsing some hundred root certificates takes tens of milliseconds, and the operator has one bundle. */
let latestContext: { readonly extraCa: string; readonly context: SecureContext } | undefined;

function contextWith(extraCa: string): SecureContext {
  if (latestContext?.extraCa !== extraCa) {
    const context = createSecureContext({ ca: [...rootCertificates, extraCa], minVersion: 'TLSv1.2' });
    latestContext = { extraCa, context };
  }
  return latestContext.context;
}

function describeTls(socket: TLSSocket): string {
  const { subject } = socket.getPeerCertificate();
  const name = [subject?.CN, subject?.O].flat().find((part) => part);
  return [socket.getProtocol(), name && `certificate of ${name}`].filter(Boolean).join(', ').slice(0, 200);
}

import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  connect as connectTls,
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { CheckedEndpoint } from '../mailbox/connection.port.js';
import type { SignInSteps } from './imap.steps.js';
import type { ImapWireLog } from './imap.wire-log.js';

export interface TransportSettings {
  readonly endpoint: CheckedEndpoint;
  /** PEM, beside the system's authorities. */
  readonly extraCa?: string;
  /** STARTTLS is demanded. */
  readonly upgrade: boolean;
  readonly steps: SignInSteps;
  /** Is shown every octet inside TLS. */
  readonly wireLog?: ImapWireLog;
}

/** Where several addresses are offered, how long the first may be silent before the next is tried. */
const nextAddressMs = 2_500;

/**
 * Opens the sockets for imapflow, so that only checked addresses are dialled, TLS is verified against the name the user gave,
 * and each step of a connection is seen when it ends.
 */
export class ImapTransport {
  /** `performance.now()` of the last octet from the server; 0 before the first. */
  lastOctetAtMs = 0;
  private socket: Socket | undefined;

  constructor(private readonly settings: TransportSettings) {}

  /** Called once by imapflow. @param onConnected after the TLS handshake, where there is one */
  connect({ secure }: { readonly secure: boolean }, onConnected: () => void): Socket {
    const { steps } = this.settings;
    steps.begin('CONNECT');
    const socket = secure
      ? connectTls({ ...this.address(), ...this.tlsOptions() })
      : connectPlain({ ...this.address(), noDelay: true });
    this.socket = socket;
    this.watchWrites(socket);
    this.remarkEnd(socket);
    socket.once('connect', () => {
      socket.setNoDelay(true);
      steps.end();
      steps.begin(secure ? 'TLS' : 'GREETING');
    });
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      if (secure) this.handshakeEnded(socket as TLSSocket, 'GREETING');
      onConnected();
      socket.once('data', (chunk: Buffer) => this.greeted(chunk));
      this.watchOctets(socket);
    });
    return socket;
  }

  prepareUpgrade(plain: Duplex): void {
    // While somebody else listens the socket keeps flowing, and imapflow could not see what was slipped in after STARTTLS.
    plain.off('data', this.countOctets);
  }

  /** Called by imapflow when the server has agreed to STARTTLS. */
  upgrade(plain: Duplex, _options: unknown, onSecure: () => void): TLSSocket {
    const { steps } = this.settings;
    steps.end();
    steps.begin('TLS');
    const { host } = this.settings.endpoint;
    const socket = connectTls({ socket: plain, host, ...this.tlsOptions() }, () => {
      this.handshakeEnded(socket, 'SIGN_IN');
      onSecure();
      this.watchOctets(socket);
    });
    this.socket = socket;
    this.watchWrites(socket);
    return socket;
  }

  destroy(): void {
    this.socket?.destroy();
  }

  private greeted(chunk: Buffer): void {
    const [line = ''] = chunk.toString('latin1', 0, 512).split('\r\n', 1);
    this.settings.steps.end(line);
    this.settings.steps.begin(this.settings.upgrade ? 'STARTTLS' : 'SIGN_IN');
  }

  private handshakeEnded(socket: TLSSocket, next: 'GREETING' | 'SIGN_IN'): void {
    const { steps } = this.settings;
    const subject = socket.getPeerCertificate().subject?.CN;
    steps.end([socket.getProtocol(), subject].filter(Boolean).join(', '));
    steps.begin(next);
  }

  private watchOctets(socket: Socket): void {
    socket.on('data', this.countOctets);
  }

  private readonly countOctets = (chunk: Buffer): void => {
    this.lastOctetAtMs = performance.now();
    this.settings.wireLog?.received(chunk);
  };

  /** Apart from `connect`, lest the listener hold on to all that connecting needs. */
  private remarkEnd(socket: Socket): void {
    const { wireLog } = this.settings;
    socket.once('close', () => wireLog?.remark('connection closed'));
  }

  /** imapflow writes Buffers, and nothing else with them. */
  private watchWrites(socket: Socket): void {
    const { wireLog } = this.settings;
    if (!wireLog) return;
    const write = socket.write.bind(socket);
    socket.write = (octets: Uint8Array | string): boolean => {
      if (Buffer.isBuffer(octets)) wireLog.sent(octets);
      return write(octets);
    };
  }

  private address(): { host: string; port: number; lookup?: LookupFunction; autoSelectFamilyAttemptTimeout?: number } {
    const { host, port, addresses } = this.settings.endpoint;
    if (addresses.length === 1) return { host: addresses[0]!, port };
    return { host, port, lookup: offer(addresses), autoSelectFamilyAttemptTimeout: nextAddressMs };
  }

  private tlsOptions(): { secureContext: SecureContext; servername?: string } {
    const { endpoint, extraCa } = this.settings;
    const secureContext = secureContextFor(extraCa);
    // No SNI for an IP literal (RFC 6066 section 3): Node then checks the certificate against the address itself.
    return isIP(endpoint.host) ? { secureContext } : { secureContext, servername: endpoint.host };
  }
}

/** Answers Node's question for a name's addresses with those that were checked; nothing is resolved again. */
function offer(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    if (options.all) callback(null, all);
    else callback(null, all[0]!.address, all[0]!.family);
  };
}

/** Reading 150 authorities takes 10 ms and 1 MB, so that connections share the outcome. */
const contexts = new Map<string, SecureContext>();
const maxContexts = 50;

function secureContextFor(extraCa = ''): SecureContext {
  const known = contexts.get(extraCa);
  if (known) return known;
  const ca = extraCa === '' ? {} : { ca: [...rootCertificates, extraCa] };
  const context = createSecureContext({ minVersion: 'TLSv1.2', ...ca });
  if (contexts.size >= maxContexts) contexts.clear();
  contexts.set(extraCa, context);
  return context;
}

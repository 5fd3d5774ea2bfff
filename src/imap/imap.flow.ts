import { isIP } from 'node:net';
import { ImapFlow, type FetchQueryObject, type ListResponse, type QuotaResponse, type SearchObject } from 'imapflow';
import type { AccountConnection, Secret } from '../mailbox/connection.port.js';
import * as limits from './imap.limits.js';
import type { ImapTransport } from './imap.transport.js';

export type Flow = ImapFlow;
export type FetchItems = FetchQueryObject;
export type SearchTerms = SearchObject;
export type ListedMailbox = ListResponse;
export type QuotaReport = QuotaResponse;

interface FlowOptions {
  readonly secret: Secret;
  readonly transport: ImapTransport;
  /** imapflow answers some refused commands with `false` and tells the reason here alone. */
  readonly onRefusal: (error: unknown) => void;
}

/** imapflow as it may be let loose on any server: bounded, quiet, never in clear where it should not be. Not connected yet. */
export function createFlow(account: AccountConnection, { secret, transport, onRefusal }: FlowOptions): Flow {
  return new ImapFlow({
    ...flowOptions(account),
    auth: { user: account.username, ...credentials(secret) },
    transport,
    logger: { ...silentLogger, warn: (entry: { err?: unknown }) => onRefusal(entry.err) },
  });
}

const ignore = (): void => undefined;
const silentLogger = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  error: ignore,
  fatal: ignore,
  isLevelEnabled: (level: string) => level === 'warn',
};

const credentials = (secret: Secret): { pass: string } | { accessToken: string } =>
  secret.kind === 'password' ? { pass: secret.password } : { accessToken: secret.accessToken };

function flowOptions({ host, port, security }: AccountConnection) {
  return {
    host,
    port,
    secure: security === 'TLS',
    servername: isIP(host) ? undefined : host,
    // Left to its default imapflow goes on in clear where a server does not offer STARTTLS.
    doSTARTTLS: security === 'TLS' ? undefined : security === 'STARTTLS',
    clientInfo: { name: 'Mailroom', vendor: false as const, version: false as const, 'support-url': false as const },
    // zlib takes 256 KiB for each connection, and there may be thousands.
    disableCompression: true,
    disableAutoIdle: true,
    qresync: true,
    connectionTimeout: limits.connectTimeoutMs,
    greetingTimeout: limits.greetingTimeoutMs,
    socketTimeout: limits.socketTimeoutMs,
    maxLineLength: limits.maxLineBytes,
    maxLiteralSize: limits.maxLiteralBytes,
    maxResponseSize: limits.maxResponseBytes,
    maxResponseTokens: limits.maxResponseTokens,
    maxLockHoldTime: false as const,
  };
}

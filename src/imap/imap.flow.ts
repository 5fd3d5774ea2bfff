import { isIP } from 'node:net';
import { ImapFlow, type FetchQueryObject, type ListResponse, type QuotaResponse, type SearchObject } from 'imapflow';
import type { AccountConnection, Secret } from '../mailbox/connection.port.js';
import { readFetchLine } from './fetch-line.js';
import * as limits from './imap.limits.js';
import type { FetchedRow } from './imap.mapping.js';
import type { Token } from './imap.tokens.js';
import type { ImapTransport } from './imap.transport.js';

export type FetchItems = FetchQueryObject;
export type SearchTerms = SearchObject;
export type ListedMailbox = ListResponse;
export type QuotaReport = QuotaResponse;

interface Untagged {
  readonly attributes?: readonly Token[];
}

export type UntaggedHandlers = Record<string, (untagged: Untagged) => Promise<void>>;

type Capabilities = ImapFlow['capabilities'];

/** A response with its literals, as it came. */
interface ServerResponse {
  readonly payload: Buffer;
  readonly literals: readonly Buffer[];
}

/** What imapflow 2.10.2 keeps private, all of it that is used here. Another version is to be looked at before it is taken. */
interface ImapFlowInternals {
  /** Mailboxes it has listed. Without an entry each first SELECT costs a LIST and an LSUB. */
  readonly folders: Map<string, { readonly path: string }>;
  /** For commands it does not know; the answer is to be let go of by `next`. */
  exec(
    command: string,
    attributes: readonly Token[],
    options?: { readonly untagged: UntaggedHandlers },
  ): Promise<{ readonly next: () => void }>;
  /** For answers that no command under way asked for. */
  readonly untaggedHandlers: UntaggedHandlers;
  /** For response codes (RFC 9051 section 7.1). */
  readonly sectionHandlers: Record<string, (section: unknown) => Promise<void>>;
  untaggedVanished(untagged: Untagged): Promise<void>;
  /** The command under way. */
  readonly currentRequest: { readonly command: string } | false;
  /** Called for each response. @returns false to stop reading */
  handleResponse(response: ServerResponse): Promise<boolean>;
  /** Replaced as a whole when the server announces others. Cleared by STARTTLS alone. */
  capabilities: Capabilities;
  /** As they came. Nothing reads them. */
  rawCapabilities: unknown;
  /** Over when the session has begun; `close` would clear them. */
  connectTimeout: NodeJS.Timeout | undefined;
  greetingTimeout: NodeJS.Timeout | undefined;
  serverBye(untagged: Untagged): Promise<void>;
  untaggedCapability(untagged: Untagged): Promise<void>;
  sectionCapability(section: unknown): Promise<void>;
  untaggedExists(untagged: Untagged): Promise<void>;
  untaggedExpunge(untagged: Untagged): Promise<void>;
  untaggedFetch(untagged: Untagged): Promise<void>;
}

export const internalsOf = (flow: ImapFlow): ImapFlowInternals => flow as unknown as ImapFlowInternals;

const imapflow = internalsOf(ImapFlow.prototype);

/** imapflow, which lets itself be spared the rows of a FETCH that is under way, and what it does not need while it is idle. */
export class Flow extends ImapFlow {
  /** Is given the rows of ordinary responses to FETCH instead of imapflow. Nothing more is read before its promise resolves. */
  takeRow: ((row: FetchedRow) => Promise<void> | undefined) | undefined;
  /** Told of everything imapflow emits, `error` above all, which would end the process where nobody listens. */
  onEvent: (event: string, value: unknown) => void = () => undefined;

  /** What happens, by the one listener: a table of listeners takes more memory than most of what is in it. */
  override emit(event: string, ...values: unknown[]): boolean {
    this.onEvent(event, values[0]);
    return this.listenerCount(event) === 0 || super.emit(event, ...values);
  }

  /** Overrides imapflow's own. @returns false to stop reading */
  protected async handleResponse(response: ServerResponse): Promise<boolean> {
    const row = this.takeRow && this.isFetching ? readFetchLine(response.payload, response.literals) : undefined;
    if (!row) return imapflow.handleResponse.call(this, response);
    this.keepUp(row);
    await this.takeRow?.(row);
    return true;
  }

  /**
   * For a session that has begun, of which there may be thousands that only wait: lets go of what signing in needed, the secret
   * first of all, and shares what others have too.
   */
  settle(): void {
    const internals = internalsOf(this);
    this.options.auth = undefined;
    internals.connectTimeout = internals.greetingTimeout = undefined;
    internals.capabilities = shared(this.capabilities);
    internals.rawCapabilities = undefined;
    // As imapflow's own, which hold on to all that connecting needed.
    Object.assign(internals.untaggedHandlers, untaggedHandlersOf(internals));
    internals.sectionHandlers.CAPABILITY = (section) => internals.sectionCapability(section);
  }

  /** Overrides imapflow's own, which wraps the logger in a dozen functions for each connection. */
  protected getLogger(): unknown {
    return this.options.logger;
  }

  private get isFetching(): boolean {
    const { currentRequest } = internalsOf(this);
    return currentRequest !== false && /^(UID )?FETCH$/.test(currentRequest.command);
  }

  /** What imapflow knows of the mailbox it has from rows, too. */
  private keepUp({ uid, modseq }: FetchedRow): void {
    const { mailbox } = this;
    if (!mailbox) return;
    if (uid && !(mailbox.uidNext > uid)) mailbox.uidNext = uid + 1;
    if (modseq && !(mailbox.highestModseq && mailbox.highestModseq >= modseq)) mailbox.highestModseq = modseq;
  }
}

interface FlowOptions {
  readonly secret: Secret;
  readonly transport: ImapTransport;
  /** imapflow answers some refused commands with `false` and tells the reason here alone. */
  readonly onRefusal: (error: unknown) => void;
}

/** imapflow as it may be let loose on any server: bounded, quiet, never in clear where it should not be. Not connected yet. */
export function createFlow(account: AccountConnection, { secret, transport, onRefusal }: FlowOptions): Flow {
  return new Flow({
    ...flowOptions(account),
    auth: { user: account.username, ...credentials(secret) },
    transport,
    logger: new QuietLogger(onRefusal),
  });
}

class QuietLogger {
  constructor(private readonly onRefusal: (error: unknown) => void) {}

  trace(): void {}
  debug(): void {}
  info(): void {}
  error(): void {}
  fatal(): void {}

  warn({ err }: { readonly err?: unknown }): void {
    this.onRefusal(err);
  }

  isLevelEnabled(level: string): boolean {
    return level === 'warn';
  }
}

const untaggedHandlersOf = (flow: ImapFlowInternals): UntaggedHandlers => ({
  BYE: (untagged) => flow.serverBye(untagged),
  CAPABILITY: (untagged) => flow.untaggedCapability(untagged),
  EXISTS: (untagged) => flow.untaggedExists(untagged),
  EXPUNGE: (untagged) => flow.untaggedExpunge(untagged),
  FETCH: (untagged) => flow.untaggedFetch(untagged),
  VANISHED: (untagged) => flow.untaggedVanished(untagged),
});

/** What servers announce, each list of capabilities once: most accounts are on a few servers. */
const announced = new Map<string, Capabilities>();
const maxAnnounced = 100;

function shared(capabilities: Capabilities): Capabilities {
  const text = JSON.stringify([...capabilities]);
  const known = announced.get(text);
  if (known) return known;
  if (announced.size >= maxAnnounced) announced.clear();
  announced.set(text, capabilities);
  return capabilities;
}

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

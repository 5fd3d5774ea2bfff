import { isIP } from 'node:net';
import { ImapFlow, type FetchQueryObject, type ListResponse, type QuotaResponse, type SearchObject } from 'imapflow';
import type { AccountConnection, Secret } from '../mailbox/connection.port.js';
import { modSeq, uidValidity, type ModSeq, type UidValidity } from '../mailbox/model/ids.js';
import { CommandWatch } from './command-watch.js';
import { abortedBy, toMailError, type ImapPhase } from './imap.errors.js';
import * as limits from './imap.limits.js';
import type { FetchedRow } from './imap.mapping.js';
import { SignInSteps } from './imap.steps.js';
import { ImapTransport } from './imap.transport.js';

/** As the server described it when it was selected. */
export interface SelectedMailbox {
  readonly path: string;
  readonly uidValidity: UidValidity;
  /** Absent where the server keeps none for this mailbox (RFC 7162 section 3.1.2.2 [NOMODSEQ]). */
  readonly highestModSeq?: ModSeq;
  readonly readOnly: boolean;
  /** Absent where the server did not say: then anything may be tried (RFC 9051 section 7.1). */
  readonly permanentFlags?: ReadonlySet<string>;
}

/** Something was said about the selected mailbox, asked for or not. */
export type MailboxNews =
  | { readonly kind: 'exists' | 'flags' }
  | {
      readonly kind: 'expunged';
      readonly uid?: number;
      /** In answer to a question about the past (QRESYNC). */ readonly earlier: boolean;
    };

export interface FetchOptions {
  /** The range is of UIDs, not of sequence numbers. */
  readonly uid: boolean;
  /** Only what has a higher mod-sequence; with QRESYNC what vanished since is told as news. */
  readonly changedSince?: ModSeq;
  readonly maxRows?: number;
}

export type FetchItems = FetchQueryObject;
export type SearchTerms = SearchObject;
export type ListedMailbox = ListResponse;
export type QuotaReport = QuotaResponse;

/** Where copies went; without UIDPLUS nothing is known. */
export interface CopiedUids {
  readonly uidValidity?: bigint;
  /** From the UID there to the UID here. */
  readonly uidMap?: ReadonlyMap<number, number>;
}

export interface AppendedUid {
  readonly uidValidity?: bigint;
  readonly uid?: number;
}

interface AppendedMessage {
  readonly octets: Buffer;
  readonly flags: readonly string[];
  readonly internalDate?: Date;
}

interface FetchLot {
  readonly rows: readonly FetchedRow[];
  readonly last: boolean;
  /** What ended it, after these rows. */
  readonly failure?: unknown;
}

interface OpenOptions {
  readonly signal: AbortSignal;
  readonly secret: Secret;
  readonly steps?: SignInSteps;
  /** How long the server may say nothing while it owes an answer. */
  readonly silenceMs?: number;
}

/**
 * What imapflow 2.10.2 keeps private: mailboxes it has listed. Without an entry each first SELECT costs a LIST and an LSUB.
 */
interface ImapFlowInternals {
  readonly folders: Map<string, { readonly path: string }>;
}

/**
 * One connection, signed in, one command at a time. imapflow speaks the protocol; this class bounds it: every command has a
 * deadline and a signal, and whichever fires first ends the connection, because a command that was sent cannot be taken back.
 * All methods throw MailError.
 */
export class ImapConnection {
  private mailbox: SelectedMailbox | undefined;
  private selectAgain = false;
  private failure: unknown;
  private refusal: unknown;
  private readonly newsListeners = new Set<(news: MailboxNews) => void>();
  private readonly closeListeners = new Set<() => void>();

  private constructor(
    private readonly flow: ImapFlow,
    private readonly transport: ImapTransport,
    private readonly silenceMs = limits.commandTimeoutMs,
  ) {
    flow.on('error', (error) => (this.failure ??= error));
    flow.on('close', () => this.closeListeners.forEach((listener) => listener()));
    flow.on('mailboxClose', () => (this.mailbox = undefined));
    flow.on('exists', () => this.tell({ kind: 'exists' }));
    flow.on('flags', () => this.tell({ kind: 'flags' }));
    flow.on('highestModseq', () => this.tell({ kind: 'flags' }));
    flow.on('expunge', ({ uid, earlier = false }) => this.tell({ kind: 'expunged', uid, earlier }));
  }

  /**
   * Dials, secures, signs in. The secret is not kept.
   * @throws MailError CONNECTION_FAILED, TLS_FAILED, AUTHENTICATION_FAILED, RATE_LIMITED, TIMEOUT …
   */
  static async open(account: AccountConnection, options: OpenOptions): Promise<ImapConnection> {
    const { signal, secret, steps = new SignInSteps(), silenceMs } = options;
    steps.begin('RESOLVE');
    try {
      const endpoint = await account.resolve(signal);
      steps.end(endpoint.addresses.join(', '));
      const upgrade = account.security === 'STARTTLS';
      const transport = new ImapTransport({ endpoint, extraCa: account.extraCa, upgrade, steps });
      let opened: ImapConnection | undefined;
      const flow = new ImapFlow({
        ...flowOptions(account),
        auth: { user: account.username, ...credentials(secret) },
        transport,
        // Not for logging: imapflow answers some refused commands with `false` and tells the reason here alone.
        logger: { ...silentLogger, warn: (entry: { err?: unknown }) => opened?.noteRefusal(entry.err) },
      });
      opened = new ImapConnection(flow, transport, silenceMs);
      await opened.signIn(signal);
      steps.end();
      return opened;
    } catch (error) {
      const failure = toMailError(error, 'signIn');
      steps.fail(failure);
      throw failure;
    }
  }

  get usable(): boolean {
    return this.flow.usable;
  }

  get selected(): SelectedMailbox | undefined {
    return this.mailbox;
  }

  /** Messages in the selected mailbox, kept true by what the server says during any command. */
  get exists(): number {
    return this.flow.mailbox ? this.flow.mailbox.exists || 0 : 0;
  }

  /** Highest mod-sequence heard of in the selected mailbox; what is below it may still be unheard. */
  get seenModSeq(): ModSeq | undefined {
    if (!this.mailbox?.highestModSeq || !this.flow.mailbox) return undefined;
    const seen = this.flow.mailbox.highestModseq;
    return seen === undefined ? this.mailbox.highestModSeq : modSeq(seen);
  }

  /** Upper case, as announced after sign-in; IMAP4rev2's own parts (RFC 9051 appendix E) only where they are announced. */
  get capabilities(): readonly string[] {
    return [...this.flow.capabilities.keys()].map((name) => name.toUpperCase());
  }

  has(capability: string): boolean {
    return this.flow.capabilities.has(capability);
  }

  isEnabled(extension: 'CONDSTORE' | 'QRESYNC'): boolean {
    return this.flow.enabled.has(extension);
  }

  get silentForMs(): number {
    return performance.now() - this.transport.lastOctetAtMs;
  }

  onNews(listener: (news: MailboxNews) => void): () => void {
    this.newsListeners.add(listener);
    return () => this.newsListeners.delete(listener);
  }

  /** Called once; at once where it is closed already. @returns stops it */
  onClose(listener: () => void): () => void {
    if (this.flow.isClosed) listener();
    else this.closeListeners.add(listener);
    return () => this.closeListeners.delete(listener);
  }

  /** Why the connection is gone, if it is. */
  closedBy(): Error {
    return toMailError(this.failure ?? { code: 'NoConnection', reason: this.flow.byeReason }, 'command');
  }

  // ------------------------------------------------------------------------------------------------ commands

  isSelected(path: string): boolean {
    return this.mailbox?.path === path && !this.selectAgain;
  }

  /** Nothing is sent where it is selected already. */
  async select(path: string, signal: AbortSignal, readOnly = false): Promise<SelectedMailbox> {
    if (this.mailbox && this.isSelected(path)) return this.mailbox;
    const { folders } = this.flow as unknown as ImapFlowInternals;
    if (!folders.has(path)) folders.set(path, { path });
    const opened = await this.run(signal, () => this.flow.mailboxOpen(path, { readOnly }));
    this.selectAgain = false;
    this.mailbox = {
      path,
      uidValidity: uidValidity(opened.uidValidity ?? 0n),
      highestModSeq: opened.noModseq || !opened.highestModseq ? undefined : modSeq(opened.highestModseq),
      readOnly: opened.readOnly ?? false,
      permanentFlags: opened.permanentFlags,
    };
    return this.mailbox;
  }

  /** Lets the server say what is new in the selected mailbox. */
  async noop(signal: AbortSignal): Promise<void> {
    await this.run(signal, () => this.flow.noop());
  }

  /**
   * Rows in lots, none larger than `maxRows` rows or about `targetWindowBytes` octets: what is not taken stays on the server's
   * side of the socket. Also rows nobody asked for (RFC 9051 section 7.5.2): look at what is in them.
   */
  async *fetch(
    range: string,
    items: FetchItems,
    { uid, changedSince, maxRows = limits.maxWindowMessages }: FetchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<readonly FetchedRow[]> {
    const rows = this.flow.fetch(range, items, { uid, changedSince });
    let lot: FetchLot = { rows: [], last: false };
    try {
      while (!lot.last) {
        lot = await this.run(signal, () => this.takeLot(rows, maxRows));
        if (lot.rows.length > 0) yield lot.rows;
        if (lot.failure !== undefined) throw toMailError(this.failure ?? lot.failure, 'command');
      }
    } finally {
      if (!lot.last) await this.abandon(rows);
    }
  }

  /** Octets received so far, all of the protocol counted. */
  get receivedBytes(): number {
    return this.flow.stats().received;
  }

  /** One message's row; undefined where the server has no such message. */
  async fetchOne(uid: number, items: FetchItems, signal: AbortSignal): Promise<FetchedRow | undefined> {
    const row = await this.run(signal, () => this.flow.fetchOne(String(uid), items, { uid: true }));
    return row || undefined;
  }

  /** @returns a set of UIDs as text (RFC 9051 section 9 sequence-set), empty where nothing matches */
  async search(terms: SearchTerms, signal: AbortSignal): Promise<string> {
    const found = await this.run(signal, () => this.flow.search(terms, { uid: true, returnOptions: ['ALL'] }));
    if (!found) throw this.refused();
    return Array.isArray(found) ? found.join(',') : (found.all ?? '');
  }

  /** All mailboxes of all namespaces; their status too where that costs nothing (RFC 5819 LIST-STATUS). */
  async list(signal: AbortSignal): Promise<readonly ListedMailbox[]> {
    return this.run(signal, () => this.flow.list(this.has('LIST-STATUS') ? { statusQuery: this.statusQuery } : {}));
  }

  async status(path: string, signal: AbortSignal): Promise<ListedMailbox['status']> {
    const status = await this.run(signal, () => this.flow.status(path, this.statusQuery));
    return status || undefined;
  }

  /** Where no mod-sequence tells of changed flags, the number of unseen messages tells of some. */
  private get statusQuery() {
    const condstore = this.isEnabled('CONDSTORE');
    return { messages: true, uidNext: true, uidValidity: true, highestModseq: condstore, unseen: !condstore };
  }

  async store(uids: string, action: 'add' | 'remove', flags: readonly string[], signal: AbortSignal): Promise<void> {
    const options = { uid: true, silent: true };
    const { flow } = this;
    await this.confirmed(signal, () =>
      action === 'add'
        ? flow.messageFlagsAdd(uids, [...flags], options)
        : flow.messageFlagsRemove(uids, [...flags], options),
    );
  }

  /** Only with MOVE (RFC 6851): what imapflow does without it ends in a bare EXPUNGE. */
  move(uids: string, path: string, signal: AbortSignal): Promise<CopiedUids> {
    return this.confirmed(signal, () => this.flow.messageMove(uids, path, { uid: true }));
  }

  copy(uids: string, path: string, signal: AbortSignal): Promise<CopiedUids> {
    return this.confirmed(signal, () => this.flow.messageCopy(uids, path, { uid: true }));
  }

  /** Marks and removes. Without UIDPLUS (RFC 4315) the server removes everything that is marked, whoever marked it. */
  async expunge(uids: string, signal: AbortSignal): Promise<void> {
    await this.confirmed(signal, () => this.flow.messageDelete(uids, { uid: true }));
  }

  async append(
    path: string,
    { octets, flags, internalDate }: AppendedMessage,
    signal: AbortSignal,
  ): Promise<AppendedUid> {
    const uploadMs = limits.commandTimeoutMs + octets.length / limits.slowestUploadBytesPerMs;
    return this.confirmed(signal, () => this.flow.append(path, octets, [...flags], internalDate), uploadMs);
  }

  /** Subscribes to it too. @returns false where there is one of that name */
  async createMailbox(path: string, signal: AbortSignal): Promise<boolean> {
    return (await this.run(signal, () => this.flow.mailboxCreate(path))).created;
  }

  async renameMailbox(path: string, newPath: string, signal: AbortSignal): Promise<void> {
    await this.run(signal, () => this.flow.mailboxRename(path, newPath));
  }

  async deleteMailbox(path: string, signal: AbortSignal): Promise<void> {
    await this.run(signal, () => this.flow.mailboxDelete(path));
  }

  async setSubscribed(path: string, subscribed: boolean, signal: AbortSignal): Promise<void> {
    const { flow } = this;
    await this.confirmed(signal, () => (subscribed ? flow.mailboxSubscribe(path) : flow.mailboxUnsubscribe(path)));
  }

  /** @returns undefined where the server has no QUOTA (RFC 9208) */
  async quota(path: string, signal: AbortSignal): Promise<QuotaReport | undefined> {
    if (!this.capabilities.some((name) => name === 'QUOTA' || name.startsWith('QUOTA='))) return undefined;
    return this.confirmed(signal, () => this.flow.getQuota(path));
  }

  /** The next `select` of the mailbox asks the server again: what is known of it may be another mailbox's. */
  forgetSelection(): void {
    this.selectAgain = true;
  }

  /** Resolves when IDLE has ended, by another command or by the server; false where the server refused it. */
  async idle(): Promise<boolean> {
    return (await this.flow.idle()) !== false;
  }

  /** Sends LOGOUT and waits no longer than a second for the answer. Never throws. */
  async logout(): Promise<void> {
    try {
      await this.run(AbortSignal.timeout(1_000), () => this.flow.logout());
    } catch {
      // It was to end anyway.
    }
    this.close();
  }

  /** At once. Idempotent. */
  close(): void {
    this.flow.close();
    this.transport.destroy();
  }

  // ------------------------------------------------------------------------------------------------ below

  private async signIn(signal: AbortSignal): Promise<void> {
    const both = AbortSignal.any([signal, AbortSignal.timeout(limits.signInTimeoutMs)]);
    await this.run(both, () => this.flow.connect(), limits.signInTimeoutMs, 'signIn');
    this.flow.options.auth = undefined;
    // imapflow puts the personal prefix before every path that lacks it, other namespaces' too. Ours are complete.
    if (this.flow.namespace) this.flow.namespace = { ...this.flow.namespace, prefix: '' };
  }

  private async run<T>(
    signal: AbortSignal,
    command: () => Promise<T>,
    silenceMs = this.silenceMs,
    phase: ImapPhase = 'command',
  ): Promise<T> {
    if (signal.aborted) throw abortedBy(signal.reason);
    this.refusal = undefined;
    const watch = new CommandWatch(this.transport, silenceMs, signal);
    try {
      return await Promise.race([command(), watch.expired]);
    } catch (error) {
      if (watch.hasExpired) this.close();
      throw toMailError(this.failure ?? error, phase);
    } finally {
      watch.end();
    }
  }

  /** For commands that imapflow answers with `false` when the server said no. */
  private async confirmed<T>(signal: AbortSignal, command: () => Promise<T | false>, silenceMs?: number): Promise<T> {
    const result = await this.run(signal, command, silenceMs);
    if (result === false || result === undefined) throw this.refused();
    return result;
  }

  private noteRefusal(error: unknown): void {
    if (typeof error === 'object' && error !== null && 'responseStatus' in error) this.refusal = error;
  }

  /** `false` also stands for "there was no connection any more". */
  private refused(): Error {
    if (!this.usable) return this.closedBy();
    return toMailError(this.refusal ?? { responseStatus: 'NO' }, 'command');
  }

  private async takeLot(source: AsyncGenerator<FetchedRow>, maxRows: number): Promise<FetchLot> {
    const rows: FetchedRow[] = [];
    const enoughBytes = this.receivedBytes + limits.targetWindowBytes;
    while (rows.length < maxRows && this.receivedBytes < enoughBytes) {
      try {
        const { value, done } = await source.next();
        if (done) return { rows, last: true };
        rows.push(value);
      } catch (failure) {
        return { rows, last: true, failure };
      }
    }
    return { rows, last: false };
  }

  /** A FETCH cannot be called back: the rest of it is read and dropped, if that does not take long. */
  private async abandon(rows: AsyncGenerator): Promise<void> {
    if (!this.usable) return;
    try {
      await rows.return(undefined);
      await this.noop(AbortSignal.timeout(limits.abandonedFetchMs));
    } catch {
      this.close();
    }
  }

  private tell(news: MailboxNews): void {
    for (const listener of this.newsListeners) listener(news);
  }
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

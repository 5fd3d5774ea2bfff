import { withDeadline } from '../common/linked-abort.js';
import type { AccountConnection, Secret } from '../mailbox/connection.port.js';
import { modSeq, type ModSeq } from '../mailbox/model/ids.js';
import { CommandWatch } from './command-watch.js';
import { abortedBy, isUnreadable, toMailError, type ImapPhase } from './imap.errors.js';
import { createFlow, internalsOf, type Flow } from './imap.flow.js';
import * as limits from './imap.limits.js';
import type { MailboxNews, SelectedMailbox } from './imap.selection.js';
import { readVanished, type VanishedMessages } from './imap.vanished.js';
import { SignInSteps } from './imap.steps.js';
import { ImapTransport } from './imap.transport.js';

export interface OpenOptions {
  readonly signal: AbortSignal;
  readonly secret: Secret;
  readonly steps?: SignInSteps;
  /** How long the server may say nothing while it owes an answer. */
  readonly silenceMs?: number;
}

/**
 * A session with a server. imapflow speaks the protocol; this class bounds it: every command has a deadline and a signal, and
 * whichever fires first ends the connection, because a command that was sent cannot be taken back. All methods throw MailError.
 */
export abstract class ImapSession {
  protected mailbox: SelectedMailbox | undefined;
  protected readonly flow: Flow;
  private readonly transport: ImapTransport;
  private readonly silenceMs: number;
  private failure: unknown;
  private refusal: unknown;
  private readonly newsListeners = new Set<(news: MailboxNews) => void>();
  private readonly closeListeners = new Set<() => void>();

  constructor(account: AccountConnection, transport: ImapTransport, { secret, silenceMs }: OpenOptions) {
    const onRefusal = (error: unknown): void => this.noteRefusal(error);
    const flow = createFlow(account, { secret, transport, onRefusal });
    this.flow = flow;
    this.transport = transport;
    this.silenceMs = silenceMs ?? limits.commandTimeoutMs;
    flow.onEvent = (event, value) => this.hear(event, value);
    // imapflow walks a set UID by UID: sixteen million steps for a line of 27 octets, while every account waits.
    internalsOf(flow).untaggedVanished = async ({ attributes }) => this.vanished(readVanished(attributes));
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

  /** The list as such: equal ones are the same. */
  get announced(): object {
    return this.flow.capabilities;
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

  /** Octets received so far, all of the protocol counted. */
  get receivedBytes(): number {
    return this.flow.stats().received;
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

  protected async signIn(signal: AbortSignal): Promise<void> {
    const { signInTimeoutMs } = limits;
    await withDeadline(signal, signInTimeoutMs, (both) =>
      this.run(both, () => this.flow.connect(), signInTimeoutMs, 'signIn'),
    );
    this.flow.settle();
    // imapflow puts the personal prefix before every path that lacks it, other namespaces' too. Ours are complete.
    if (this.flow.namespace) this.flow.namespace = { ...this.flow.namespace, prefix: '' };
  }

  protected async run<T>(
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
      // What cannot be read may have been anything: nothing that follows on this connection can be trusted.
      if (watch.hasExpired || isUnreadable(error)) this.close();
      throw toMailError(this.failure ?? error, phase);
    } finally {
      watch.end();
    }
  }

  /** For commands that imapflow answers with `false` when the server said no. */
  protected async confirmed<T>(signal: AbortSignal, command: () => Promise<T | false>, silenceMs?: number): Promise<T> {
    const result = await this.run(signal, command, silenceMs);
    if (result === false || result === undefined) throw this.refused();
    return result;
  }

  private noteRefusal(error: unknown): void {
    if (typeof error === 'object' && error !== null && 'responseStatus' in error) this.refusal = error;
  }

  /** `false` also stands for "there was no connection any more". */
  protected refused(): Error {
    if (!this.usable) return this.closedBy();
    return toMailError(this.refusal ?? { responseStatus: 'NO' }, 'command');
  }

  private hear(event: string, value: unknown): void {
    switch (event) {
      case 'error':
        this.failure ??= value;
        break;
      case 'close':
        this.closeListeners.forEach((listener) => listener());
        break;
      case 'mailboxClose':
        this.mailbox = undefined;
        break;
      case 'exists':
        this.tell({ kind: 'exists' });
        break;
      case 'flags':
      case 'highestModseq':
        this.tell({ kind: 'flags' });
        break;
      case 'expunge':
        this.tell({ kind: 'expunged', earlier: false });
    }
  }

  private vanished(messages: VanishedMessages | undefined): void {
    if (!messages) return;
    const { mailbox } = this.flow;
    if (mailbox && !messages.earlier) mailbox.exists = Math.max(0, mailbox.exists - messages.uids.size);
    this.tell({ kind: 'expunged', ...messages });
  }

  /** @param error of imapflow's, or of a callback of its */
  protected failureOf(error: unknown): Error {
    if (isUnreadable(error)) this.close();
    return toMailError(this.failure ?? error, 'command');
  }

  private tell(news: MailboxNews): void {
    for (const listener of this.newsListeners) listener(news);
  }
}

import type { ConnectionShare, ConnectionShares } from '../mailbox/connection-shares.port.js';
import { isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { ImapConnection } from './imap.connection.js';
import type { SelectedMailbox } from './imap.selection.js';
import type { ImapConnector } from './imap.connector.js';
import { abortedBy, deadlineExceeded } from './imap.errors.js';
import * as limits from './imap.limits.js';

/** A connection lent to one user. */
export interface SessionLease {
  readonly connection: ImapConnection;
  readonly mailbox: SelectedMailbox;
  /** It was selected already: ask for news before relying on what it knows. */
  readonly warm: boolean;
  /**
   * Idempotent.
   * @param idleMs how long to keep it open for the next one, unless somebody wanted it longer
   */
  readonly release: (idleMs?: number) => void;
}

interface Session {
  readonly connection: ImapConnection;
  busy: boolean;
  /** Another instance needs its share, or what it says is not believed any more. */
  wanted?: boolean;
  idleTimer?: NodeJS.Timeout;
  /** By `performance.now()`. */
  keepUntilMs: number;
}

interface Waiter {
  readonly give: (session: Session | undefined) => void;
  readonly fail: (error: Error) => void;
}

const inbox = 'INBOX';

/**
 * An account's connections for commands: few, opened when needed, closed when idle. Who asks for a mailbox gets the session that
 * has it selected, if that is free; the session on INBOX is disturbed last.
 */
export class ImapSessionPool {
  private readonly sessions: Session[] = [];
  private readonly waiters: Waiter[] = [];
  private opening = 0;
  private max = limits.maxCommandSessions;
  private closed = false;

  /** @param shares absent where no other instance could have connections of this account */
  constructor(
    private readonly connector: ImapConnector,
    private readonly shares?: ConnectionShares,
  ) {}

  /** Runs `work` on a connection, whatever it has selected. @throws MailError as `lease` does */
  async use<T>(signal: AbortSignal, work: (connection: ImapConnection) => Promise<T>): Promise<T> {
    return this.lend(await this.acquireAlive(undefined, signal), work);
  }

  /**
   * For a look at all mailboxes: on a connection that has been told what is new in the mailbox it has selected, because of that
   * one STATUS and LIST-STATUS say no more than it has been told (seen with Dovecot 2.3).
   */
  async look<T>(signal: AbortSignal, work: (connection: ImapConnection) => Promise<T>): Promise<T> {
    return this.lend(await this.acquireAlive(undefined, signal, true), work, limits.briefSessionIdleMs);
  }

  /**
   * Lends a connection that has `path` selected.
   * @param afresh ask the server what the mailbox is, even where it is selected already
   * @throws MailError RATE_LIMITED when too many wait already, TIMEOUT, and all that opening and selecting can throw
   */
  async lease(path: string, signal: AbortSignal, afresh = false): Promise<SessionLease> {
    const session = await this.acquireAlive(path, signal);
    const { connection } = session;
    try {
      if (afresh) connection.forgetSelection();
      const warm = connection.isSelected(path);
      const mailbox = await connection.select(path, signal);
      let released = false;
      const release = (idleMs?: number): void => {
        if (!released) this.giveBack(session, idleMs);
        released = true;
      };
      return { connection, mailbox, warm, release };
    } catch (error) {
      this.giveBack(session);
      throw error;
    }
  }

  /** What is selected may be another mailbox of that name by now: each session asks again before it is lent. */
  forgetSelections(): void {
    for (const { connection } of this.sessions) connection.forgetSelection();
  }

  /** Who asks from now on gets a connection that was not there before. */
  renew(): void {
    // Each leaves the list at once.
    const all = this.sessions.slice();
    for (const session of all) this.yield(session);
  }

  /** Ends every connection; those in use are cut. Who waits is told. */
  async close(): Promise<void> {
    this.closed = true;
    for (const waiter of this.waiters.splice(0)) waiter.fail(closedError());
    const ending = this.sessions.splice(0).map(async ({ busy, connection, idleTimer }) => {
      clearTimeout(idleTimer);
      if (busy) connection.close();
      else await connection.logout();
    });
    await Promise.all(ending);
  }

  private async lend<T>(
    session: Session,
    work: (connection: ImapConnection) => Promise<T>,
    idleMs?: number,
  ): Promise<T> {
    try {
      return await work(session.connection);
    } finally {
      this.giveBack(session, idleMs);
    }
  }

  private async acquireAlive(path: string | undefined, signal: AbortSignal, upToDate = false): Promise<Session> {
    for (;;) {
      const session = await this.acquire(path, signal);
      const isOld = upToDate && session.connection.selected !== undefined;
      try {
        if (await this.isAlive(session, signal, isOld)) return session;
        this.giveBack(session);
      } catch (error) {
        this.giveBack(session);
        throw error;
      }
    }
  }

  /** A connection that was quiet for long may be cut without anybody having been told (NAT, a server gone). */
  private async isAlive({ connection }: Session, signal: AbortSignal, ask: boolean): Promise<boolean> {
    if (!connection.usable) return false;
    if (!ask && connection.silentForMs < limits.staleAfterMs) return true;
    try {
      await connection.noop(signal, limits.probeTimeoutMs);
      return true;
    } catch (error) {
      connection.close();
      if (signal.aborted) throw error;
      return false;
    }
  }

  private async acquire(path: string | undefined, signal: AbortSignal, mayOpen = true): Promise<Session> {
    if (this.closed) throw closedError();
    if (signal.aborted) throw abortedBy(signal.reason);
    const opens = this.hasRoom && (mayOpen || this.isEmpty);
    const free = this.choose(path, opens);
    if (free) return this.take(free);
    if (opens) return this.openOrWait(path, signal);
    const given = await this.wait(signal);
    return given ? this.take(given) : this.acquire(path, signal);
  }

  /** @returns a free session, unless opening another one is better than disturbing it */
  private choose(path: string | undefined, opens: boolean): Session | undefined {
    const free = this.sessions.filter(({ busy, connection }) => !busy && connection.usable);
    const selected = ({ connection }: Session): string | undefined => connection.selected?.path;
    const fitting = path === undefined ? free[0] : free.find(({ connection }) => connection.isSelected(path));
    const other = free.find((session) => selected(session) !== inbox);
    return fitting ?? other ?? (opens ? undefined : free[0]);
  }

  private take(session: Session): Session {
    clearTimeout(session.idleTimer);
    session.busy = true;
    return session;
  }

  private get hasRoom(): boolean {
    return this.sessions.length + this.opening < this.max;
  }

  private get isEmpty(): boolean {
    return this.sessions.length + this.opening === 0;
  }

  private async openOrWait(path: string | undefined, signal: AbortSignal): Promise<Session> {
    try {
      // Where other instances have all the rest: make do with those that are here.
      return (await this.open(signal)) ?? (await this.acquire(path, signal, false));
    } catch (error) {
      // The server allows fewer than we thought: make do with those that are there.
      if (!isMailError(error) || error.code !== 'RATE_LIMITED' || this.sessions.length === 0) throw error;
      this.max = this.sessions.length;
      return this.acquire(path, signal);
    }
  }

  /** @returns undefined where other instances have the account's other connections, and this one has some */
  private async open(signal: AbortSignal): Promise<Session | undefined> {
    const isFirst = this.isEmpty;
    this.opening += 1;
    let refused = false;
    try {
      const share = await this.shares?.take(isFirst, signal);
      refused = this.shares !== undefined && share === undefined;
      return refused ? undefined : await this.connect(share, signal);
    } finally {
      this.opening -= 1;
      // Whoever waited for the one that failed to open may try by themselves; what was refused to one is refused to all.
      if (this.hasRoom && !refused) this.waiters.shift()?.give(undefined);
    }
  }

  private async connect(share: ConnectionShare | undefined, signal: AbortSignal): Promise<Session> {
    try {
      const connection = await this.connector.connect(signal);
      const session: Session = { connection, busy: true, keepUntilMs: 0 };
      connection.onClose(() => {
        share?.release();
        this.drop(session);
      });
      if (this.closed) {
        connection.close();
        throw closedError();
      }
      this.sessions.push(session);
      share?.onWanted(() => this.yield(session));
      return session;
    } catch (error) {
      share?.release();
      throw error;
    }
  }

  private yield(session: Session): void {
    session.wanted = true;
    if (!session.busy) void this.end(session);
  }

  private wait(signal: AbortSignal): Promise<Session | undefined> {
    if (this.waiters.length >= limits.maxWaiting) {
      throw new MailError('RATE_LIMITED', 'too many requests wait for this account', { retryAfterMs: 1_000 });
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        const at = this.waiters.indexOf(waiter);
        if (at >= 0) this.waiters.splice(at, 1);
      };
      const waiter: Waiter = {
        give: (session) => (leave(), resolve(session)),
        fail: (error) => (leave(), reject(error)),
      };
      const onAbort = (): void => waiter.fail(abortedBy(signal.reason));
      const timer = setTimeout(() => waiter.fail(deadlineExceeded()), limits.waitForSessionMs);
      signal.addEventListener('abort', onAbort, { once: true });
      this.waiters.push(waiter);
    });
  }

  private giveBack(session: Session, idleMs = limits.sessionIdleMs): void {
    session.keepUntilMs = Math.max(session.keepUntilMs, performance.now() + idleMs);
    if (!session.connection.usable || this.closed) {
      session.connection.close();
      return this.drop(session);
    }
    if (session.wanted) return void this.end(session);
    const waiter = this.waiters[0];
    if (waiter) return waiter.give(session);
    session.busy = false;
    const leftMs = session.keepUntilMs - performance.now();
    session.idleTimer = setTimeout(() => void this.end(session), leftMs).unref();
  }

  private async end(session: Session): Promise<void> {
    this.drop(session);
    await session.connection.logout();
  }

  private drop(session: Session): void {
    clearTimeout(session.idleTimer);
    const at = this.sessions.indexOf(session);
    if (at < 0) return;
    this.sessions.splice(at, 1);
    if (this.hasRoom) this.waiters.shift()?.give(undefined);
  }
}

const closedError = (): MailError => new MailError('CONNECTION_FAILED', 'the account was closed');

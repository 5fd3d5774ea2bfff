import { sleep } from '../common/sleep.js';
import type { RemoteHint } from '../mailbox/keeper.port.js';
import { HintCoalescer } from './hint-coalescer.js';
import type { ImapConnection } from './imap.connection.js';
import type { ListedMailbox } from './imap.flow.js';
import type { ImapConnector } from './imap.connector.js';
import { toMailError } from './imap.errors.js';
import * as limits from './imap.limits.js';
import { StatusPoll } from './status-poll.js';

interface WatchEvents {
  readonly onHint: (hint: RemoteHint) => void;
  readonly onReady: () => void;
  readonly onRenumbered: (path: string) => void;
}

const inbox = 'INBOX';
/** A server that ends IDLE again and again is not asked more often than this. */
const shortestRestMs = 1_000;

/**
 * Watches an account on a connection of its own: IDLE on INBOX (RFC 2177), entered at once and again after every question, and all
 * mailboxes by LIST-STATUS once a minute. That question also is the watchdog: a server that does not answer it is gone, however
 * open the connection looks, and it renews IDLE long before the 29 minutes of RFC 2177.
 */
export class ImapWatcher {
  constructor(
    private readonly connector: ImapConnector,
    private readonly isWanted: (mailbox: ListedMailbox) => boolean,
  ) {}

  /** @throws MailError when the connection is lost, refused or silent; returns when `signal` aborts */
  async watch(events: WatchEvents, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const hints = new HintCoalescer(events.onHint);
    let connection: ImapConnection | undefined;
    try {
      connection = await this.connector.connect(signal, { silenceMs: limits.watchTimeoutMs });
      await this.follow(connection, hints, events, signal);
    } catch (error) {
      if (!signal.aborted) throw toMailError(error, 'command');
    } finally {
      hints.close();
      await connection?.logout();
    }
  }

  private async follow(
    connection: ImapConnection,
    hints: HintCoalescer,
    { onReady, onRenumbered }: WatchEvents,
    signal: AbortSignal,
  ): Promise<void> {
    const onHint = (hint: RemoteHint): void => hints.add(hint);
    await connection.select(inbox, signal, true);
    connection.onNews(() => onHint({ kind: 'mailbox', path: inbox }));
    const poll = new StatusPoll(connection, this.isWanted, { onHint, onRenumbered });
    await poll.poll(signal);
    onReady();
    for (let canIdle = connection.has('IDLE'); !signal.aborted;) {
      canIdle = await this.rest(connection, canIdle, signal);
      if (signal.aborted) return;
      if (!canIdle) await connection.noop(signal);
      await poll.poll(signal);
    }
  }

  /** Listens until it is time to ask. @returns whether IDLE is of use */
  private async rest(connection: ImapConnection, canIdle: boolean, signal: AbortSignal): Promise<boolean> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const stop = connection.onClose(() => over.abort());
    let refused = false;
    try {
      const listening = canIdle ? this.listen(connection, () => (refused = true)) : new Promise<never>(() => undefined);
      const restMs = canIdle ? limits.pollMs : limits.pollWithoutIdleMs;
      await Promise.race([sleep(restMs, either), listening.then(() => sleep(shortestRestMs, either))]);
    } finally {
      over.abort();
      stop();
    }
    if (!connection.usable && !signal.aborted) throw connection.closedBy();
    return canIdle && !refused;
  }

  private async listen(connection: ImapConnection, onRefused: () => void): Promise<void> {
    try {
      if (!(await connection.idle())) onRefused();
    } catch {
      // The connection is closed: who waits for that is told by it.
    }
  }
}

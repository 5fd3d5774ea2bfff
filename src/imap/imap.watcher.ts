import { LinkedAbort } from '../common/linked-abort.js';
import type { Attention, RemoteHint } from '../mailbox/keeper.port.js';
import { HintCoalescer } from './hint-coalescer.js';
import type { ImapConnection } from './imap.connection.js';
import type { ImapConnector } from './imap.connector.js';
import { toMailError } from './imap.errors.js';
import type { ListedMailbox } from './imap.flow.js';
import * as limits from './imap.limits.js';
import type { ListedName } from './imap.mailboxes.js';
import type { NotifiedNews } from './imap.notify.js';
import { Pause } from './pause.js';
import { StatusPoll } from './status-poll.js';
import { chooseMeans, type WatchMeans } from './watch-means.js';

interface WatchEvents {
  readonly onHint: (hint: RemoteHint) => void;
  readonly onReady: () => void;
  readonly onRenumbered: (path: string) => void;
  readonly onListed: (mailboxes: readonly ListedName[]) => void;
}

const inbox = 'INBOX';
/** A server that ends IDLE again and again is not asked more often than this. */
const shortestRestMs = 1_000;

/**
 * Watches an account on a connection of its own: IDLE on INBOX (RFC 2177), entered at once and again after every question, all
 * mailboxes by NOTIFY (RFC 5465) where there is that, and by LIST-STATUS once a minute: Dovecot 2.3 tells of no rename, and of no
 * file that was put into a Maildir behind its back. The question also is the watchdog: a server that does not answer it is gone,
 * however open the connection looks, and it renews IDLE long before the 29 minutes of RFC 2177.
 */
export class ImapWatcher {
  private current: Watch | undefined;
  private readonly closing = new AbortController();

  constructor(
    private readonly connector: ImapConnector,
    private readonly isWanted: (mailbox: ListedMailbox) => boolean,
  ) {}

  attentionTo(path: string): Attention | undefined {
    return this.current?.attentionTo(path);
  }

  /** Ends watching for good. */
  close(): void {
    this.closing.abort();
  }

  /** @throws MailError when the connection is lost, refused or silent; returns when it is closed or `caller` aborts */
  async watch({ onHint, onReady, ...rest }: WatchEvents, caller: AbortSignal): Promise<void> {
    const ending = new LinkedAbort(caller, this.closing.signal);
    const { signal } = ending;
    if (signal.aborted) return;
    const hints = new HintCoalescer(onHint);
    let connection: ImapConnection | undefined;
    try {
      connection = await this.connector.connect(signal, { silenceMs: limits.watchTimeoutMs });
      const heard = { ...rest, onHint: (hint: RemoteHint) => hints.add(hint) };
      const watch = new Watch(connection, new StatusPoll(connection, this.isWanted, heard), heard.onHint);
      await watch.begin(signal);
      this.current = watch;
      onReady();
      await watch.follow(signal);
    } catch (error) {
      if (!signal.aborted) throw toMailError(error, 'command');
    } finally {
      this.current = undefined;
      ending.unlink();
      hints.close();
      await connection?.logout();
    }
  }
}

/** One connection while it watches. */
class Watch {
  private askedAtMs = 0;
  private idleRefused = false;
  private notifyRefused = false;
  private readonly pause = new Pause();

  constructor(
    private readonly connection: ImapConnection,
    private readonly poll: StatusPoll,
    private readonly onHint: (hint: RemoteHint) => void,
  ) {}

  attentionTo(path: string): Attention {
    const { connection, means } = this;
    const selected = means !== 'POLL' && path === inbox;
    return {
      knownAtMs: selected ? performance.now() : this.askedAtMs,
      told: selected || (means === 'NOTIFY' && !connection.listsForeignMailboxes),
    };
  }

  async begin(signal: AbortSignal): Promise<void> {
    const { connection } = this;
    await connection.select(inbox, signal, true);
    connection.onNews(() => this.onHint({ kind: 'mailbox', path: inbox }));
    if (this.means === 'NOTIFY') {
      this.notifyRefused = !(await connection.notify((news) => this.hear(news), signal));
    }
    await this.ask(signal);
  }

  async follow(signal: AbortSignal): Promise<void> {
    const { connection } = this;
    const endPause = (): void => this.pause.end();
    const forget = connection.onClose(endPause);
    signal.addEventListener('abort', endPause, { once: true });
    try {
      while (!signal.aborted) {
        if (connection.usable) await this.rest();
        if (signal.aborted) return;
        if (!connection.usable) throw connection.closedBy();
        if (this.means === 'POLL') await connection.noop(signal);
        await this.ask(signal);
        this.onHint({ kind: 'asked' });
      }
    } finally {
      forget();
      signal.removeEventListener('abort', endPause);
    }
  }

  private get means(): WatchMeans {
    const { connection, idleRefused, notifyRefused } = this;
    const [idle, notify] = [connection.has('IDLE'), connection.has('NOTIFY')];
    return chooseMeans({ idle, notify, idleRefused, notifyRefused });
  }

  private async ask(signal: AbortSignal): Promise<void> {
    const askedAtMs = performance.now();
    await this.poll.poll(signal);
    this.askedAtMs = askedAtMs;
  }

  private hear(news: NotifiedNews): void {
    if (news.kind === 'overflow') this.notifyRefused = true;
    else this.poll.hear(news);
    // What mailboxes there are now must be known to understand what is told of them.
    if (news.kind !== 'status') this.pause.shorten(shortestRestMs);
  }

  /** Listens until it is time to ask. */
  private rest(): Promise<void> {
    if (this.means === 'POLL') return this.pause.wait(limits.pollWithoutIdleMs);
    this.connection.idle().then(
      (accepted) => this.idleEnded(accepted),
      // The connection is closed: who waits for that is told by it.
      () => undefined,
    );
    return this.pause.wait(limits.pollMs);
  }

  private idleEnded(accepted: boolean): void {
    if (!accepted) this.idleRefused = true;
    this.pause.shorten(shortestRestMs);
  }
}

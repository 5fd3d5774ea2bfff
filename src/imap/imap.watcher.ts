import { sleep } from '../common/sleep.js';
import type { Attention, RemoteHint } from '../mailbox/keeper.port.js';
import { HintCoalescer } from './hint-coalescer.js';
import type { ImapConnection } from './imap.connection.js';
import type { ImapConnector } from './imap.connector.js';
import { toMailError } from './imap.errors.js';
import type { ListedMailbox } from './imap.flow.js';
import * as limits from './imap.limits.js';
import type { NotifiedNews } from './imap.notify.js';
import { StatusPoll } from './status-poll.js';
import { chooseMeans, type WatchMeans } from './watch-means.js';

interface WatchEvents {
  readonly onHint: (hint: RemoteHint) => void;
  readonly onReady: () => void;
  readonly onRenumbered: (path: string) => void;
  readonly onListed: (paths: readonly string[]) => void;
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

  constructor(
    private readonly connector: ImapConnector,
    private readonly isWanted: (mailbox: ListedMailbox) => boolean,
  ) {}

  attentionTo(path: string): Attention | undefined {
    return this.current?.attentionTo(path);
  }

  /** @throws MailError when the connection is lost, refused or silent; returns when `signal` aborts */
  async watch({ onHint, onReady, ...rest }: WatchEvents, signal: AbortSignal): Promise<void> {
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
  private endRest: () => void = () => undefined;

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
    while (!signal.aborted) {
      await this.rest(signal);
      if (signal.aborted) return;
      if (this.means === 'POLL') await this.connection.noop(signal);
      await this.ask(signal);
      this.onHint({ kind: 'asked' });
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
    if (news.kind !== 'status') this.endRest();
  }

  /** Listens until it is time to ask. */
  private async rest(signal: AbortSignal): Promise<void> {
    const { connection } = this;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const stop = connection.onClose(() => over.abort());
    const news = new Promise<void>((resolve) => (this.endRest = resolve));
    try {
      const heard = this.means === 'POLL' ? [news] : [news, this.listen()];
      await Promise.race([
        sleep(this.means === 'POLL' ? limits.pollWithoutIdleMs : limits.pollMs, either),
        Promise.race(heard).then(() => sleep(shortestRestMs, either)),
      ]);
    } finally {
      over.abort();
      stop();
    }
    if (!connection.usable && !signal.aborted) throw connection.closedBy();
  }

  private async listen(): Promise<void> {
    try {
      if (!(await this.connection.idle())) this.idleRefused = true;
    } catch {
      // The connection is closed: who waits for that is told by it.
    }
  }
}

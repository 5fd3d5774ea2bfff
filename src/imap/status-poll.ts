import type { RemoteHint } from '../mailbox/keeper.port.js';
import type { ImapConnection } from './imap.connection.js';
import type { ListedMailbox } from './imap.flow.js';
import { maxStatusPerPoll } from './imap.limits.js';
import type { ListedName } from './imap.mailboxes.js';
import type { NotifiedNews } from './imap.notify.js';
import type { ReportedStatus } from './imap.mapping.js';

interface StatusPollEvents {
  readonly onHint: (hint: RemoteHint) => void;
  /** UIDs of this mailbox mean other messages now, or it is another mailbox of the same name. */
  readonly onRenumbered: (path: string) => void;
  readonly onListed: (mailboxes: readonly ListedName[]) => void;
}

/** Asks how the mailboxes stand and compares with the time before. */
export class StatusPoll {
  private list: string | undefined;
  private readonly statuses = new Map<string, ReportedStatus>();
  private pathsAsListed: ReadonlyMap<string, string> = new Map();
  private nextAt = 0;

  constructor(
    private readonly connection: ImapConnection,
    private readonly isWanted: (mailbox: ListedMailbox) => boolean,
    private readonly events: StatusPollEvents,
  ) {}

  /** The first call only learns. */
  async poll(signal: AbortSignal): Promise<void> {
    const all = await this.connection.list(signal);
    this.pathsAsListed = new Map(all.map(({ path, pathAsListed }) => [pathAsListed, path]));
    const listed = all.filter(this.isWanted);
    this.compareList(listed);
    for (const { path, status } of await this.withStatus(listed.filter(isSelectable), signal)) {
      if (status) this.compareStatus(path, status);
    }
  }

  /** What the server tells of its own accord. */
  hear(news: Exclude<NotifiedNews, { kind: 'overflow' }>): void {
    const path = news.kind === 'status' ? this.pathsAsListed.get(news.listedPath) : undefined;
    if (news.kind === 'list' || path === undefined) return this.events.onHint({ kind: 'mailboxes' });
    const before = this.statuses.get(path);
    const now = { ...before, ...news.status };
    this.statuses.set(path, now);
    if (before && before.uidValidity !== now.uidValidity) this.events.onRenumbered(path);
    // Told without CONDSTORE of changed flags, the figures are the same.
    this.events.onHint({ kind: 'mailbox', path });
  }

  private compareList(listed: readonly ListedMailbox[]): void {
    const list = listed
      .map(({ path, flags, subscribed }) => JSON.stringify([path, subscribed, [...flags].sort()]))
      .sort()
      .join();
    this.events.onListed(listed.map((mailbox) => ({ path: mailbox.path, selectable: isSelectable(mailbox) })));
    if (this.list !== undefined && this.list !== list) this.events.onHint({ kind: 'mailboxes' });
    this.list = list;
    const paths = new Set(listed.map(({ path }) => path));
    for (const path of this.statuses.keys()) if (!paths.has(path)) this.statuses.delete(path);
  }

  private compareStatus(path: string, now: ReportedStatus): void {
    const before = this.statuses.get(path);
    this.statuses.set(path, now);
    if (!before || fingerprint(before) === fingerprint(now)) return;
    if (before.uidValidity !== now.uidValidity) this.events.onRenumbered(path);
    this.events.onHint({ kind: 'mailbox', path });
  }

  /** With LIST-STATUS the answers are here already; else some at a time are asked for, in turns, INBOX always. */
  private async withStatus(listed: readonly ListedMailbox[], signal: AbortSignal): Promise<readonly StatusOf[]> {
    if (listed.some(({ status }) => status)) return listed;
    const inbox = listed.filter(({ path }) => path === 'INBOX');
    const others = listed.filter(({ path }) => path !== 'INBOX');
    const turn = [...others.slice(this.nextAt), ...others.slice(0, this.nextAt)].slice(0, maxStatusPerPoll);
    this.nextAt = others.length === 0 ? 0 : (this.nextAt + turn.length) % others.length;
    const answers: StatusOf[] = [];
    for (const { path } of [...inbox, ...turn]) {
      answers.push({ path, status: await this.statusOf(path, signal) });
    }
    return answers;
  }

  /** A mailbox that refuses is no reason to stop watching the others. */
  private async statusOf(path: string, signal: AbortSignal): Promise<ReportedStatus | undefined> {
    try {
      return await this.connection.status(path, signal);
    } catch (error) {
      if (!this.connection.usable) throw error;
      return undefined;
    }
  }
}

interface StatusOf {
  readonly path: string;
  readonly status?: ReportedStatus;
}

const isSelectable = ({ flags }: ListedMailbox): boolean =>
  ![...flags].some((flag) => ['\\noselect', '\\nonexistent'].includes(flag.toLowerCase()));

const fingerprint = ({ messages, uidNext, uidValidity, highestModseq, unseen }: ReportedStatus): string =>
  [messages, uidNext, uidValidity, highestModseq, unseen].join(' ');

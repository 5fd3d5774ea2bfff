import type { AccountConnection } from '../mailbox/connection.port.js';
import { modSeq, uidValidity } from '../mailbox/model/ids.js';
import { FetchedRows, type RowOptions } from './fetched-rows.js';
import { toMailError } from './imap.errors.js';
import {
  internalsOf,
  type FetchItems,
  type ListedMailbox,
  type QuotaReport,
  type SearchTerms,
  type UntaggedHandlers,
} from './imap.flow.js';
import * as limits from './imap.limits.js';
import type { FetchedRow } from './imap.mapping.js';
import { notifyArguments, readStatus, type NotifiedNews } from './imap.notify.js';
import { previewArguments, readPreview } from './imap.preview.js';
import type { SelectedMailbox } from './imap.selection.js';
import { ImapSession, type OpenOptions } from './imap.session.js';
import { SignInSteps } from './imap.steps.js';
import { ImapTransport } from './imap.transport.js';
import { ImapWireLog } from './imap.wire-log.js';

export interface FetchOptions<T> extends RowOptions<T> {
  readonly maxRows?: number;
}

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

/** One connection, signed in, one command at a time. */
export class ImapConnection extends ImapSession {
  private selectAgain = false;

  /**
   * Dials, secures, signs in. The secret is not kept.
   * @throws MailError CONNECTION_FAILED, TLS_FAILED, AUTHENTICATION_FAILED, RATE_LIMITED, TIMEOUT …
   */
  static async open(account: AccountConnection, options: OpenOptions): Promise<ImapConnection> {
    const { signal, secret } = options;
    const wireLog = account.wireLog && new ImapWireLog(account.wireLog);
    wireLog?.hide(account.username, secret);
    const { steps = new SignInSteps(wireLog?.onStep) } = options;
    steps.begin('RESOLVE');
    try {
      const endpoint = await account.resolve(signal);
      steps.end(endpoint.addresses.join(', '));
      const upgrade = account.security === 'STARTTLS';
      const transport = new ImapTransport({ endpoint, extraCa: account.extraCa, upgrade, steps, wireLog });
      const opened = new ImapConnection(account, transport, options);
      await opened.signIn(signal);
      wireLog?.revealAll();
      steps.end();
      return opened;
    } catch (error) {
      const failure = toMailError(error, 'signIn');
      steps.fail(failure);
      throw failure;
    }
  }

  isSelected(path: string): boolean {
    return this.mailbox?.path === path && !this.selectAgain;
  }

  /** Nothing is sent where it is selected already. */
  async select(path: string, signal: AbortSignal, readOnly = false): Promise<SelectedMailbox> {
    if (this.mailbox && this.isSelected(path)) return this.mailbox;
    const { folders } = internalsOf(this.flow);
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
  async noop(signal: AbortSignal, silenceMs?: number): Promise<void> {
    await this.run(signal, () => this.flow.noop(), silenceMs);
  }

  /**
   * What is wanted of the rows in lots, none larger than `maxRows` of them or about `targetWindowBytes` octets: what is not taken
   * stays on the server's side of the socket. Also rows nobody asked for come (RFC 9051 section 7.5.2): look at what is in them.
   */
  async *fetch<T>(
    range: string,
    items: FetchItems,
    { maxRows = limits.maxWindowMessages, ...options }: FetchOptions<T>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly T[]> {
    const rows = new FetchedRows(this.flow, range, items, options);
    let last = false;
    try {
      while (!last) {
        const lot = await this.run(signal, () => rows.take(maxRows));
        last = lot.last;
        if (lot.rows.length > 0) yield lot.rows;
        if (lot.failure !== undefined) throw this.failureOf(lot.failure);
      }
    } finally {
      if (!last) await this.abandon(rows);
    }
  }

  /** One message's row; undefined where the server has no such message. */
  async fetchOne(uid: number, items: FetchItems, signal: AbortSignal): Promise<FetchedRow | undefined> {
    const row = await this.run(signal, () => this.flow.fetchOne(String(uid), items, { uid: true }));
    return row || undefined;
  }

  /** Only with PREVIEW (RFC 8970). @returns by UID, those that the server has */
  async fetchPreviews(uids: string, signal: AbortSignal): Promise<ReadonlyMap<number, string>> {
    const previews = new Map<number, string>();
    const { FETCH: others } = internalsOf(this.flow).untaggedHandlers;
    const FETCH: UntaggedHandlers[string] = async (untagged) => {
      const row = readPreview(untagged.attributes);
      if (!row) await others?.(untagged);
      else if (row.text !== undefined && previews.size < limits.maxWindowMessages) previews.set(row.uid, row.text);
    };
    const answer = this.run(signal, () =>
      internalsOf(this.flow).exec('UID FETCH', previewArguments(uids), { untagged: { FETCH } }),
    );
    (await answer).next();
    return previews;
  }

  /** @returns a set of UIDs as text (RFC 9051 section 9 sequence-set), empty where nothing matches */
  async search(terms: SearchTerms, signal: AbortSignal): Promise<string> {
    const found = await this.run(signal, () => this.flow.search(terms, { uid: true, returnOptions: ['ALL'] }));
    if (!found) throw this.refused();
    return Array.isArray(found) ? found.join(',') : (found.all ?? '');
  }

  /** All mailboxes of all namespaces; their status too where that costs nothing (RFC 5819 LIST-STATUS). */
  async list(signal: AbortSignal): Promise<readonly ListedMailbox[]> {
    const query = this.has('LIST-STATUS') ? { statusQuery: this.statusQuery } : {};
    const listed = await this.run(signal, () => this.flow.list(query));
    // imapflow would keep all of it for SELECT, which does not need it.
    internalsOf(this.flow).folders.clear();
    return listed;
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

  /** @param useLabels of Gmail instead of flags */
  async store(
    uids: string,
    action: 'add' | 'remove',
    flags: readonly string[],
    signal: AbortSignal,
    useLabels = false,
  ): Promise<void> {
    const options = { uid: true, silent: true, useLabels };
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

  /**
   * From now on the server tells of every mailbox of the user's, within IDLE at the latest (RFC 5465).
   * @returns false where it refuses
   */
  async notify(onNews: (news: NotifiedNews) => void, signal: AbortSignal): Promise<boolean> {
    const { untaggedHandlers, sectionHandlers } = internalsOf(this.flow);
    untaggedHandlers.STATUS = async ({ attributes }) => {
      const news = readStatus(attributes);
      if (news) onNews(news);
    };
    untaggedHandlers.LIST = async () => onNews({ kind: 'list' });
    untaggedHandlers.LSUB = untaggedHandlers.LIST;
    sectionHandlers.NOTIFICATIONOVERFLOW = async () => onNews({ kind: 'overflow' });
    try {
      const { next } = await this.run(signal, () => internalsOf(this.flow).exec('NOTIFY', notifyArguments));
      next();
      return true;
    } catch (error) {
      if (!this.usable) throw error;
      return false;
    }
  }

  /** Mailboxes of others are listed too (RFC 2342): NOTIFY does not tell of those. */
  get listsForeignMailboxes(): boolean {
    const { other, shared } = this.flow.namespaces ?? {};
    return Boolean(other || shared);
  }

  /** Resolves when IDLE has ended, by another command or by the server; false where the server refused it. */
  idle(): Promise<boolean> {
    return this.flow.idle().then((result: unknown) => result !== false);
  }

  /** A FETCH cannot be called back: the rest of it is read and dropped, if that does not take long. */
  private async abandon(rows: FetchedRows<unknown>): Promise<void> {
    rows.drop();
    if (!this.usable) return;
    try {
      await this.noop(AbortSignal.timeout(limits.abandonedFetchMs));
    } catch {
      this.close();
    }
  }
}

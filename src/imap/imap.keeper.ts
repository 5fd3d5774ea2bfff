import type { ConnectionShares } from '../mailbox/connection-shares.port.js';
import type * as port from '../mailbox/keeper.port.js';
import type { Uid, UidValidity } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { FlagChange, Message, Part, RemoteRef } from '../mailbox/model/message.js';
import type { AccountCapabilities, Quota } from '../mailbox/model/protocol.js';
import type { HeaderCondition } from '../mailbox/model/search.js';
import { SettledMailboxes } from './delta/settled.js';
import { synchronise } from './delta/synchronise.js';
import { UnreadableMessages } from './delta/unreadable.js';
import { ImapBulk } from './imap.bulk.js';
import { ImapMessageCommands } from './imap.commands.js';
import type { ImapConnector } from './imap.connector.js';
import { ImapContent } from './imap.content.js';
import { ImapMailboxes, type ListedName } from './imap.mailboxes.js';
import { toQuotas } from './imap.quota.js';
import { ImapSearch } from './imap.search.js';
import { ImapSessionPool } from './imap.session-pool.js';
import { ImapWatcher } from './imap.watcher.js';

/** An IMAP account as the rest of the gateway sees it. */
export class ImapKeeper implements port.ServerKeeper {
  readonly storage = 'SERVER';
  private readonly pool: ImapSessionPool;
  private readonly mailboxes: ImapMailboxes;
  private readonly commands: ImapMessageCommands;
  private readonly content: ImapContent;
  private readonly bulk: ImapBulk;
  private readonly search: ImapSearch;
  private readonly watcher: ImapWatcher;
  private readonly memory = { settled: new SettledMailboxes(), unreadable: new UnreadableMessages() };

  constructor(
    private readonly connector: ImapConnector,
    onlyMailboxes: readonly string[] | undefined,
    shares?: ConnectionShares,
  ) {
    this.pool = new ImapSessionPool(connector, shares);
    this.mailboxes = new ImapMailboxes(this.pool, onlyMailboxes);
    this.commands = new ImapMessageCommands(this.pool);
    this.content = new ImapContent(this.pool);
    this.bulk = new ImapBulk(this.pool, this.content);
    this.search = new ImapSearch(this.pool);
    this.watcher = new ImapWatcher(connector, this.mailboxes.isWanted);
  }

  get capabilities(): AccountCapabilities | undefined {
    return this.connector.capabilities;
  }

  async close(): Promise<void> {
    this.watcher.close();
    await this.pool.close();
  }

  listMailboxes(
    signal: AbortSignal,
    wantsStatus?: (mailbox: port.RemoteMailbox) => boolean,
  ): Promise<readonly port.RemoteMailbox[]> {
    return this.mailboxes.list(signal, wantsStatus);
  }

  synchronise(request: port.SynchroniseRequest, signal: AbortSignal): AsyncIterable<port.SyncBatch> {
    return synchronise(this.pool, this.memory, request, signal);
  }

  watch(onHint: (hint: port.RemoteHint) => void, onReady: () => void, signal: AbortSignal): Promise<void> {
    const onRenumbered = (): void => this.pool.forgetSelections();
    const tell = (hint: port.RemoteHint): void => {
      if (hint.kind === 'asked') this.memory.unreadable.duePaths().forEach((path) => onHint({ kind: 'mailbox', path }));
      onHint(hint);
    };
    const onListed = (mailboxes: readonly ListedName[]): void => {
      if (this.mailboxes.disagreesWith(mailboxes)) onHint({ kind: 'mailboxes' });
    };
    return this.watcher.watch({ onHint: tell, onReady, onRenumbered, onListed }, signal);
  }

  attentionTo(path: string): port.Attention | undefined {
    return this.watcher.attentionTo(path);
  }

  setFlags(mailbox: Mailbox, messages: readonly Message[], change: FlagChange, signal: AbortSignal) {
    return this.commands.setFlags(mailbox, messages, change, signal);
  }

  move(from: Mailbox, messages: readonly Message[], to: Mailbox, signal: AbortSignal) {
    return this.commands.move(from, messages, to, signal);
  }

  copy(from: Mailbox, messages: readonly Message[], to: Mailbox, signal: AbortSignal) {
    return this.commands.copy(from, messages, to, signal);
  }

  expunge(from: Mailbox, messages: readonly Message[], signal: AbortSignal) {
    return this.commands.expunge(from, messages, signal);
  }

  append(to: Mailbox, request: port.AppendRequest, signal: AbortSignal): Promise<RemoteRef | undefined> {
    return this.commands.append(to, request, signal);
  }

  createMailbox(path: string, signal: AbortSignal): Promise<void> {
    return this.mailboxes.create(path, signal);
  }

  renameMailbox(path: string, newPath: string, signal: AbortSignal): Promise<void> {
    return this.mailboxes.rename(path, newPath, signal);
  }

  deleteMailbox(path: string, signal: AbortSignal): Promise<void> {
    return this.mailboxes.remove(path, signal);
  }

  setSubscribed(path: string, subscribed: boolean, signal: AbortSignal): Promise<void> {
    return this.mailboxes.setSubscribed(path, subscribed, signal);
  }

  fetchHeader(mailbox: Mailbox, message: Message, signal: AbortSignal): Promise<Buffer> {
    return this.content.fetchHeader(mailbox, message, signal);
  }

  fetchParts(mailbox: Mailbox, requests: readonly port.PartRequest[], signal: AbortSignal) {
    return this.content.fetchParts(mailbox, requests, signal);
  }

  fetchPreviews(mailbox: Mailbox, messages: readonly Message[], signal: AbortSignal) {
    return this.content.fetchPreviews(mailbox, messages, signal);
  }

  openRaw(mailbox: Mailbox, message: Message, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return this.content.openRaw(mailbox, message, signal);
  }

  openMany(mailbox: Mailbox, messages: readonly Message[], signal: AbortSignal): AsyncIterable<port.RawMessage> {
    return this.bulk.openMany(mailbox, messages, signal);
  }

  openPart(mailbox: Mailbox, message: Message, part: Part, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return this.content.openPart(mailbox, message, part, signal);
  }

  searchHeader(mailbox: Mailbox, condition: HeaderCondition, signal: AbortSignal): Promise<readonly Uid[]> {
    return this.search.findByHeader(mailbox.path, condition, signal);
  }

  findPresent(path: string, uidValidity: UidValidity, uids: readonly Uid[], signal: AbortSignal) {
    return this.search.findPresent(path, uidValidity, uids, signal);
  }

  async fetchQuota(signal: AbortSignal): Promise<readonly Quota[]> {
    const report = await this.pool.use(signal, (connection) => connection.quota('INBOX', signal));
    return report ? toQuotas(report) : [];
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { AccountService } from '../accounts/account.service.js';
import { maySee, requireAccount, requireScope, type Principal } from '../auth/principal.js';
import { MIRROR_STORE, type MirrorStore, type MirrorTransaction } from '../store/mirror.port.js';
import type { PollResult } from './model/poll-result.js';
import { findUnreachable, touchMailboxes, type AccountFailure } from './completeness.js';
import { KEEPER_PROVIDER, MAILBOX_LOCKS, type KeeperProvider } from './keeper-provider.port.js';
import { invalidInput, MailError, notFound } from './mailbox.errors.js';
import { MAILBOX_FRESHNESS, type MailboxFreshness } from './mailbox-freshness.port.js';
import type { MailboxLocks } from './mailbox-locks.port.js';
import { inScope, resolveServerConditions } from './server-search.js';
import type { AccountId, MailboxId, MessageId, ThreadId } from './model/ids.js';
import { childPath, isAtOrBelow, mailboxName, namespacePrefix, parentPath } from './model/mailbox-path.js';
import { SPECIAL_USES, type Mailbox, type SyncProgress } from './model/mailbox.js';
import type { Message } from './model/message.js';
import type { Quota } from './model/protocol.js';
import type { MessageFilter, MessageOrder, Page, PageRequest } from './model/search.js';
import type { Thread } from './model/thread.js';
import { sumProgress } from './model/sync-progress.js';

export interface MessagePage extends Page<Message> {
  /** Accounts whose part is missing or may be old, and why. */
  readonly incomplete: readonly AccountFailure[];
}

export interface MessageListQuery {
  readonly filter: MessageFilter;
  readonly order: MessageOrder;
  readonly page: PageRequest;
}

export type ThreadListQuery = Omit<MessageListQuery, 'order'>;

export interface NewMailboxInput {
  readonly accountId: AccountId;
  readonly name: string;
  readonly parentId?: MailboxId;
}

export interface RenameMailboxInput {
  readonly mailboxId: MailboxId;
  readonly name?: string;
  /** null moves it to the top, absent leaves it where it is. */
  readonly parentId?: MailboxId | null;
}

const commandDeadlineMs = 60_000;
const maxNameLength = 255;
const maxUnreadable = 100;

/** The one way in to mailboxes and lists of messages, for every protocol. */
@Injectable()
export class MailboxService {
  constructor(
    @Inject(AccountService) private readonly accounts: AccountService,
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
    @Inject(KEEPER_PROVIDER) private readonly keepers: KeeperProvider,
    @Inject(MAILBOX_LOCKS) private readonly locks: MailboxLocks,
    @Inject(MAILBOX_FRESHNESS) private readonly freshness: MailboxFreshness,
  ) {}

  // ---------------------------------------------------------------- reading: the mirror, whatever the protocol

  /** In display order: special-use first, then by path. */
  async mailboxesOf(
    ctx: Principal,
    accountIds: readonly AccountId[],
  ): Promise<ReadonlyMap<AccountId, readonly Mailbox[]>> {
    requireScope(ctx, 'READ');
    const found = await this.mirror.mailboxesOf(accountIds.filter((id) => maySee(ctx, id)));
    return new Map(accountIds.map((id) => [id, found.filter(({ accountId }) => accountId === id).sort(displayOrder)]));
  }

  async findMailboxes(ctx: Principal, ids: readonly MailboxId[]): Promise<readonly (Mailbox | undefined)[]> {
    requireScope(ctx, 'READ');
    return inOrder(ctx, ids, await this.mirror.findMailboxes(ids));
  }

  async findMessages(ctx: Principal, ids: readonly MessageId[]): Promise<readonly (Message | undefined)[]> {
    requireScope(ctx, 'READ');
    return inOrder(ctx, ids, await this.mirror.findMessages(ids));
  }

  /** As the change log needs them: what is gone comes as it was when it went. */
  async findMailboxesOfChanges(ctx: Principal, ids: readonly MailboxId[]): Promise<readonly (Mailbox | undefined)[]> {
    requireScope(ctx, 'READ');
    const present = await this.mirror.findMailboxes(ids);
    const gone = missingIds(ids, present);
    return inOrder(
      ctx,
      ids,
      gone.length === 0 ? present : [...present, ...(await this.mirror.findRemovedMailboxes(gone))],
    );
  }

  async findMessagesOfChanges(ctx: Principal, ids: readonly MessageId[]): Promise<readonly (Message | undefined)[]> {
    requireScope(ctx, 'READ');
    const present = await this.mirror.findMessages(ids);
    const gone = missingIds(ids, present);
    return inOrder(
      ctx,
      ids,
      gone.length === 0 ? present : [...present, ...(await this.mirror.findRemovedMessages(gone))],
    );
  }

  async listMessages(ctx: Principal, query: MessageListQuery): Promise<MessagePage> {
    const accountIds = await this.searched(ctx, query.filter);
    const { filter, failures } = await this.resolve(query.filter, accountIds);
    const [page, others] = await Promise.all([
      this.mirror.listMessages({ ...query, filter, accountIds }),
      this.incompleteOf(ctx, accountIds, query.filter),
    ]);
    const named = new Set(failures.map(({ accountId }) => accountId));
    return { ...page, incomplete: [...failures, ...others.filter(({ accountId }) => !named.has(accountId))] };
  }

  async countMessages(ctx: Principal, filter: MessageFilter): Promise<number> {
    const accountIds = await this.searched(ctx, filter);
    return this.mirror.countMessages(accountIds, (await this.resolve(filter, accountIds)).filter);
  }

  async findThreads(ctx: Principal, ids: readonly ThreadId[]): Promise<readonly (Thread | undefined)[]> {
    requireScope(ctx, 'READ');
    return inOrder(ctx, ids, await this.mirror.findThreads(ids));
  }

  /**
   * Of one account, those with a message that the filter matches.
   * @throws MailError where the mail server could not be asked for what the mirror does not know
   */
  async listThreads(ctx: Principal, accountId: AccountId, { filter, page }: ThreadListQuery): Promise<Page<Thread>> {
    requireScope(ctx, 'READ');
    requireAccount(ctx, accountId);
    const resolved = await this.resolve(filter, [accountId]);
    const [failure] = resolved.failures;
    if (failure) throw failure.error;
    return this.mirror.listThreads({ accountId, filter: resolved.filter, page });
  }

  async syncStatusOf(ctx: Principal, accountIds: readonly AccountId[]): Promise<ReadonlyMap<AccountId, SyncProgress>> {
    const mailboxes = await this.mailboxesOf(ctx, accountIds);
    return new Map([...mailboxes].map(([id, list]) => [id, sumProgress(list)]));
  }

  /** Of each account the newest hundred over which its server ends the connection. */
  async findUnreadable(ctx: Principal, accountIds: readonly AccountId[]): Promise<readonly Message[]> {
    requireScope(ctx, 'READ');
    return this.mirror.findUnreadable(
      accountIds.filter((id) => maySee(ctx, id)),
      maxUnreadable,
    );
  }

  private async searched(ctx: Principal, filter: MessageFilter): Promise<readonly AccountId[]> {
    requireScope(ctx, 'READ');
    const visible = await this.accounts.visibleIds(ctx);
    return filter.accountIds ? visible.filter((id) => filter.accountIds?.includes(id)) : visible;
  }

  private resolve(filter: MessageFilter, accountIds: readonly AccountId[]) {
    return resolveServerConditions(filter, accountIds, this.mirror, this.keepers);
  }

  private async incompleteOf(
    ctx: Principal,
    accountIds: readonly AccountId[],
    filter: MessageFilter,
  ): Promise<readonly AccountFailure[]> {
    const accounts = (await this.accounts.findMany(ctx, accountIds)).filter((account) => account !== undefined);
    const unreachable = findUnreachable(accounts);
    if (!filter.mailboxIds && !filter.specialUse) return unreachable;
    const mailboxes = inScope(await this.mirror.mailboxesOf(accountIds), filter);
    return [...unreachable, ...(await touchMailboxes(this.freshness, accounts, mailboxes))];
  }

  // ---------------------------------------------------------------- asking the server

  async quotaOf(ctx: Principal, accountId: AccountId): Promise<readonly Quota[]> {
    requireScope(ctx, 'READ');
    requireAccount(ctx, accountId);
    const keeper = await this.keepers.keeperOf(accountId);
    return keeper.storage === 'SERVER' ? keeper.fetchQuota(deadline()) : [];
  }

  async syncNow(ctx: Principal, accountId: AccountId): Promise<{ pop3?: PollResult }> {
    requireScope(ctx, 'MODIFY');
    requireAccount(ctx, accountId);
    return { pop3: await this.keepers.syncNow(accountId, AbortSignal.timeout(10 * commandDeadlineMs)) };
  }

  // ---------------------------------------------------------------- managing mailboxes: the keeper first, then the mirror

  async createMailbox(ctx: Principal, { accountId, name, parentId }: NewMailboxInput): Promise<Mailbox> {
    requireScope(ctx, 'MODIFY');
    requireAccount(ctx, accountId);
    const keeper = await this.keepers.keeperOf(accountId);
    const path = await this.locks.lock([accountId], async () => {
      const mailboxes = await this.mirror.mailboxesOf([accountId]);
      const parent = parentId && byId(mailboxes, parentId);
      const wanted = newPath(mailboxes, parent?.path, name);
      await keeper.createMailbox(wanted, deadline());
      if (keeper.storage === 'GATEWAY') {
        await this.mirror.write(accountId, (tx) => tx.insertMailbox(localMailbox(wanted, parentId)));
      }
      return wanted;
    });
    await this.keepers.refreshMailboxList(accountId, deadline());
    const made = (await this.mirror.mailboxesOf([accountId])).find((mailbox) => mailbox.path === path);
    if (!made) throw new MailError('SERVER_REJECTED', 'the server accepted the mailbox, but does not list it');
    return made;
  }

  async renameMailbox(ctx: Principal, { mailboxId, name, parentId }: RenameMailboxInput): Promise<Mailbox> {
    const { accountId } = await this.managed(ctx, mailboxId);
    const keeper = await this.keepers.keeperOf(accountId);
    await this.locks.lock([accountId], async () => {
      const mailboxes = await this.mirror.mailboxesOf([accountId]);
      const mailbox = byId(mailboxes, mailboxId);
      const parent = parentId ? byId(mailboxes, parentId) : undefined;
      if (parent && isAtOrBelow(parent.path, mailbox.path, mailbox.delimiter)) {
        throw invalidInput(['input', 'parentId'], 'a mailbox cannot be moved below itself');
      }
      const above = parentId === undefined ? parentPath(mailbox.path, mailbox.delimiter) : parent?.path;
      if (name === undefined && above === parentPath(mailbox.path, mailbox.delimiter)) return;
      const path = newPath(mailboxes, above, name ?? mailboxName(mailbox));
      await keeper.renameMailbox(mailbox.path, path, deadline());
      const newParent = parentId === undefined ? mailbox.parentId : (parentId ?? undefined);
      await this.mirror.write(accountId, (tx) => renameTree(tx, mailboxes, mailbox, path, newParent));
    });
    await this.keepers.refreshMailboxList(accountId, deadline());
    return this.managed(ctx, mailboxId);
  }

  async deleteMailbox(ctx: Principal, mailboxId: MailboxId): Promise<void> {
    const { accountId } = await this.managed(ctx, mailboxId);
    const keeper = await this.keepers.keeperOf(accountId);
    await this.locks.lock([accountId, mailboxId], async () => {
      const mailboxes = await this.mirror.mailboxesOf([accountId]);
      const mailbox = byId(mailboxes, mailboxId);
      if (mailboxes.some(({ parentId }) => parentId === mailboxId)) {
        throw new MailError('CONFLICT', 'this mailbox holds other mailboxes: delete or move those first', {
          field: ['mailboxId'],
        });
      }
      await keeper.deleteMailbox(mailbox.path, deadline());
      await this.mirror.write(accountId, (tx) => tx.removeMailbox(mailboxId));
    });
    await this.keepers.refreshMailboxList(accountId, deadline());
  }

  async setMailboxSubscribed(ctx: Principal, mailboxId: MailboxId, subscribed: boolean): Promise<Mailbox> {
    const { accountId, path } = await this.managed(ctx, mailboxId);
    const keeper = await this.keepers.keeperOf(accountId);
    await this.locks.lock([accountId], async () => {
      await keeper.setSubscribed(path, subscribed, deadline());
      await this.mirror.write(accountId, (tx) => tx.updateMailbox(mailboxId, { subscribed }));
    });
    return this.managed(ctx, mailboxId);
  }

  private async managed(ctx: Principal, id: MailboxId): Promise<Mailbox> {
    requireScope(ctx, 'MODIFY');
    const [mailbox] = await this.mirror.findMailboxes([id]);
    if (!mailbox || !maySee(ctx, mailbox.accountId)) throw notFound('mailbox');
    return mailbox;
  }
}

const deadline = (): AbortSignal => AbortSignal.timeout(commandDeadlineMs);

const rank = ({ specialUse }: Mailbox): number =>
  specialUse === undefined ? SPECIAL_USES.length : SPECIAL_USES.indexOf(specialUse);
const displayOrder = (a: Mailbox, b: Mailbox): number => rank(a) - rank(b) || a.path.localeCompare(b.path);

function inOrder<Id extends string, T extends { id: Id; accountId: AccountId }>(
  ctx: Principal,
  ids: readonly Id[],
  rows: readonly T[],
): readonly (T | undefined)[] {
  const found = new Map(rows.filter(({ accountId }) => maySee(ctx, accountId)).map((row) => [row.id, row]));
  return ids.map((id) => found.get(id));
}

function missingIds<Id extends string>(ids: readonly Id[], rows: readonly { id: Id }[]): readonly Id[] {
  const found = new Set(rows.map(({ id }) => id));
  return ids.filter((id) => !found.has(id));
}

function byId(mailboxes: readonly Mailbox[], id: MailboxId): Mailbox {
  const mailbox = mailboxes.find((candidate) => candidate.id === id);
  if (!mailbox) throw notFound('mailbox');
  return mailbox;
}

/** @throws MailError INVALID_INPUT, CONFLICT */
function newPath(mailboxes: readonly Mailbox[], parent: string | undefined, name: string): string {
  const delimiter = mailboxes.find((mailbox) => mailbox.delimiter)?.delimiter;
  const field = ['input', 'name'];
  if (name.trim() === '' || name.length > maxNameLength || hasControl(name)) {
    throw invalidInput(field, `a name of 1 to ${maxNameLength} characters without control characters`);
  }
  if (delimiter && name.includes(delimiter)) {
    throw invalidInput(field, `the name must not contain "${delimiter}": name the parent by parentId instead`);
  }
  if (parent !== undefined && !delimiter)
    throw new MailError('UNSUPPORTED', 'this account has no hierarchy of mailboxes');
  const path = parent === undefined ? namespacePrefix(mailboxes) + name : childPath(parent, delimiter, name);
  if (mailboxes.some((mailbox) => mailbox.path === path)) {
    throw new MailError('CONFLICT', 'a mailbox with this name exists already', { field });
  }
  return path;
}

// oxlint-disable-next-line no-control-regex
const hasControl = (text: string): boolean => /[\u0000-\u001f\u007f]/.test(text);

const localMailbox = (path: string, parentId: MailboxId | undefined) => ({
  path,
  delimiter: '/',
  parentId,
  subscribed: true,
  selectable: true,
  complete: true,
});

/** The mailbox and all below it, which follow (RFC 9051 section 6.3.6). */
async function renameTree(
  tx: MirrorTransaction,
  mailboxes: readonly Mailbox[],
  top: Mailbox,
  path: string,
  parentId: MailboxId | undefined,
): Promise<void> {
  for (const mailbox of mailboxes.filter((m) => isAtOrBelow(m.path, top.path, top.delimiter))) {
    const moved = path + mailbox.path.slice(top.path.length);
    await tx.updateMailbox(mailbox.id, mailbox === top ? { path, parentId: parentId ?? null } : { path: moved });
  }
}

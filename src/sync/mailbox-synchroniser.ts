import { Inject, Injectable } from '@nestjs/common';
import type { RemoteMailbox, ServerKeeper } from '../mailbox/keeper.port.js';
import { notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import { MAILBOX_LOCKS } from '../mailbox/keeper-provider.port.js';
import type { MailboxLocks } from '../mailbox/mailbox-locks.port.js';
import { MIRROR_STORE, type MirrorStore, type MirrorWriteOptions } from '../store/mirror.port.js';
import { applyMailboxList, clearMailbox, removeDeserted } from './mailbox-list.js';
import { MailboxReader, type ReadOptions, type Reading } from './mailbox-reader.js';
import { MoveSearch } from './move-search.js';

export type SynchroniseOptions = Omit<ReadOptions, 'trusting'>;

/** Of one account, under one lease. */
interface Task {
  readonly keeper: ServerKeeper;
  readonly accountId: AccountId;
  readonly epoch: bigint | undefined;
  readonly signal: AbortSignal;
}

/** What appears is doubted so many times, and what others have overtaken read again; after that it is taken for a copy. */
const maxDoubts = 5;

/**
 * Carries what a server says into the mirror. A message that another client has moved keeps its id, whichever of the two mailboxes
 * is read first: what appears is taken for moved where its like has gone from the server, and what has vanished is looked for in
 * the mailboxes that have something new, before it is called removed.
 */
@Injectable()
export class MailboxSynchroniser {
  private readonly unfinished = new Map<AccountId, number>();
  /** A reading or a search of theirs has failed, or there was more to do than time for it. */
  private readonly unsettled = new Set<AccountId>();
  /** Mailboxes that the server's last list did not name, kept until their messages are found or removed. */
  private readonly deserted = new Map<AccountId, readonly MailboxId[]>();

  constructor(
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
    @Inject(MAILBOX_LOCKS) private readonly locks: MailboxLocks,
  ) {}

  async synchroniseList(
    keeper: ServerKeeper,
    accountId: AccountId,
    { epoch }: MirrorWriteOptions,
    signal: AbortSignal,
  ): Promise<readonly RemoteMailbox[]> {
    const task = { keeper, accountId, epoch, signal };
    return this.attempt(accountId, async () => {
      const listed = await this.list(task);
      await this.settle(task);
      return listed;
    });
  }

  /** For a mailbox that is listed and yet not there: a name that servers keep for the mailboxes below it. */
  async clear(
    keeper: ServerKeeper,
    { id, accountId }: Mailbox,
    { epoch }: MirrorWriteOptions,
    signal: AbortSignal,
  ): Promise<void> {
    await this.attempt(accountId, async () => {
      await this.locks.lock([id], () => this.mirror.write(accountId, (tx) => clearMailbox(tx, id), { epoch }));
      await this.settle({ keeper, accountId, epoch, signal });
    });
  }

  /** @returns false where there is more to do: it was interrupted, or has not found everything that it missed */
  async synchronise(
    keeper: ServerKeeper,
    mailboxId: MailboxId,
    options: SynchroniseOptions,
    signal: AbortSignal,
  ): Promise<boolean> {
    const [mailbox] = await this.mirror.findMailboxes([mailboxId]);
    if (!mailbox) throw notFound('mailbox');
    const task = { keeper, accountId: mailbox.accountId, epoch: options.epoch, signal };
    const search = this.search(task);
    return this.attempt(task.accountId, async () => {
      const { complete } = await readTrusted(this.reader(task, search), search, mailboxId, options);
      return (await this.settle(task, search)) && complete;
    });
  }

  /** What a reading or a search left behind when it failed is found or removed. Nothing is asked where there was none. */
  async settleRest(task: Task): Promise<void> {
    if (this.unsettled.has(task.accountId)) await this.settle(task);
  }

  private async attempt<T>(accountId: AccountId, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.unsettled.add(accountId);
      throw error;
    }
  }

  /** What has departed is found or removed. @returns false where the next search has to go on */
  private async settle(task: Task, search = this.search(task)): Promise<boolean> {
    const reader = this.reader(task, search);
    const { accountId, epoch } = task;
    const settled = await search.seek(async (other, interrupt) => {
      const { complete } = await readTrusted(reader, search, other, { epoch, interrupt });
      return complete;
    });
    if (this.deserted.has(accountId)) await this.locks.lock([accountId], () => this.removeDeserted(task));
    if (settled) this.unsettled.delete(accountId);
    else this.unsettled.add(accountId);
    return settled;
  }

  private list({ keeper, accountId, epoch, signal }: Task): Promise<readonly RemoteMailbox[]> {
    return this.locks.lock([accountId], async () => {
      const listed = await keeper.listMailboxes(signal);
      const deserted = await this.mirror.write(accountId, (tx) => applyMailboxList(tx, listed), { epoch });
      if (deserted.length > 0) this.deserted.set(accountId, deserted);
      else this.deserted.delete(accountId);
      return listed;
    });
  }

  private async removeDeserted({ accountId, epoch }: Task): Promise<void> {
    const deserted = this.deserted.get(accountId) ?? [];
    const left = await this.mirror.write(accountId, (tx) => removeDeserted(tx, deserted), { epoch });
    if (left.length > 0) this.deserted.set(accountId, left);
    else this.deserted.delete(accountId);
  }

  private search(task: Task): MoveSearch {
    const { mirror, unfinished } = this;
    return new MoveSearch({ ...task, mirror, unfinished, list: () => this.list(task) });
  }

  private reader({ keeper, signal }: Task, search: MoveSearch): MailboxReader {
    const { mirror, locks } = this;
    return new MailboxReader({ mirror, keeper, locks, search, signal });
  }
}

/** Again, until nothing that appears may still be somewhere else, and no other reading has come in between. */
async function readTrusted(
  reader: MailboxReader,
  search: MoveSearch,
  mailboxId: MailboxId,
  options: SynchroniseOptions,
): Promise<Reading> {
  for (let doubts = 0; ; doubts += 1) {
    const reading = await reader.read(mailboxId, { ...options, trusting: doubts === maxDoubts });
    if (reading.outdated && doubts < maxDoubts) continue;
    if (reading.doubtful.length === 0) return reading;
    await search.ask(reading.doubtful);
  }
}

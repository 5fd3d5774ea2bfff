import { Inject, Injectable } from '@nestjs/common';
import type { RemoteMailbox, ServerKeeper } from '../mailbox/keeper.port.js';
import { uidValidity, type AccountId, type MailboxId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import { MAILBOX_LOCKS } from '../mailbox/keeper-provider.port.js';
import type { MailboxLocks } from '../mailbox/mailbox-locks.port.js';
import {
  MIRROR_STORE,
  type MirrorStore,
  type MirrorTransaction,
  type MirrorWriteOptions,
} from '../store/mirror.port.js';
import { applyMailboxList } from './mailbox-list.js';
import { MailboxReader, type ReadOptions, type Reading } from './mailbox-reader.js';
import { MoveSearch, type Departed } from './move-search.js';

export type SynchroniseOptions = Omit<ReadOptions, 'trusting'>;

/** What appears is doubted so many times, and what others have overtaken read again; after that it is taken for a copy. */
const maxDoubts = 3;

/**
 * Carries what a server says into the mirror. A message that another client has moved keeps its id, whichever of the two mailboxes
 * is read first: what appears is taken for moved where its like has gone from the server elsewhere, and what has vanished is looked
 * for in the mailboxes that have something new, before it is called removed.
 */
@Injectable()
export class MailboxSynchroniser {
  private readonly departed: Departed = { sought: new Set(), unsettled: new Map(), takenOver: new Map() };

  constructor(
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
    @Inject(MAILBOX_LOCKS) private readonly locks: MailboxLocks,
  ) {}

  async synchroniseList(
    keeper: ServerKeeper,
    accountId: AccountId,
    options: MirrorWriteOptions,
    signal: AbortSignal,
  ): Promise<readonly RemoteMailbox[]> {
    return this.locks.lock([accountId], async () => {
      const listed = await keeper.listMailboxes(signal);
      await this.mirror.write(accountId, (tx) => applyMailboxList(tx, listed), { epoch: options.epoch });
      return listed;
    });
  }

  /** For a mailbox that is listed and yet not there: a name that servers keep for the mailboxes below it. */
  async clear({ id, accountId }: Mailbox, { epoch }: MirrorWriteOptions): Promise<void> {
    await this.locks.lock([id], () => this.mirror.write(accountId, (tx) => clear(tx, id), { epoch }));
  }

  /** @returns false when it was interrupted before the end */
  async synchronise(
    keeper: ServerKeeper,
    mailboxId: MailboxId,
    options: SynchroniseOptions,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { epoch } = options;
    const { mirror, locks, departed } = this;
    const search = await MoveSearch.begin({ mirror, departed, keeper, mailboxId, epoch, signal });
    const reader = new MailboxReader({ mirror, keeper, locks, search, signal });
    try {
      const { complete } = await readTrusted(reader, search, mailboxId, options);
      await search.lookElsewhere({
        list: (accountId) => this.synchroniseList(keeper, accountId, options, signal),
        read: (other, interrupt) => readTrusted(reader, search, other, { epoch, interrupt }),
      });
      await search.settle();
      return complete;
    } finally {
      search.end();
    }
  }
}

/** What it held is not there any more; should it come back, it is read from the beginning. */
async function clear(tx: MirrorTransaction, mailboxId: MailboxId): Promise<void> {
  const mailbox = (await tx.mailboxes()).find(({ id }) => id === mailboxId);
  const isClear = mailbox?.sync.complete && mailbox.totalMessages === 0;
  if (!mailbox || isClear) return;
  if (mailbox.totalMessages > 0) await tx.resetMailbox(mailboxId);
  await tx.removeUnplaced(await tx.findUnplaced(mailboxId));
  const sync = { complete: true, messagesTotal: 0, messagesSynced: 0, lastSyncAt: new Date() };
  await tx.saveProgress(mailboxId, sync, { uidValidity: uidValidity(0), lowestUid: 1, nextUid: 1 });
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

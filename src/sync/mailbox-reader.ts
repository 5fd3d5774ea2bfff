import type { ServerKeeper, SyncBatch } from '../mailbox/keeper.port.js';
import { notFound } from '../mailbox/mailbox.errors.js';
import type { MailboxLocks } from '../mailbox/mailbox-locks.port.js';
import type { MailboxId, MessageId, UidValidity } from '../mailbox/model/ids.js';
import type { Mailbox, SyncCheckpoint } from '../mailbox/model/mailbox.js';
import type {
  MirroredRef,
  MirrorStore,
  MirrorTransaction,
  MirrorWriteOptions,
  NewMessage,
} from '../store/mirror.port.js';
import type { MoveSearch } from './move-search.js';
import { identityOf, lookalikes } from './recognise.js';
import { reconcile, type ReconcilePlan } from './reconcile.js';
import { isView } from './views.js';

export interface ReadOptions extends MirrorWriteOptions {
  /** Compare everything, whatever the watermarks say. */
  readonly full?: boolean;
  /** Asked after each batch: true leaves the rest for later. */
  readonly interrupt?: () => boolean;
  /** What appears is new or a copy, whatever it looks like. */
  readonly trusting: boolean;
}

export interface Reading {
  /** False when it was interrupted before the end. */
  readonly complete: boolean;
  /** Another reading has found the mailbox renumbered meanwhile: what this one read last was not written. */
  readonly outdated: boolean;
  /** Messages of other mailboxes that may be what has appeared here. Where there are any, that batch was not written. */
  readonly doubtful: readonly MirroredRef[];
}

interface ReaderDependencies {
  readonly mirror: MirrorStore;
  readonly keeper: ServerKeeper;
  readonly locks: MailboxLocks;
  readonly search: MoveSearch;
  readonly signal: AbortSignal;
}

/** What became of one batch. */
interface Applied {
  /** Absent where nothing was written. */
  readonly plan?: ReconcilePlan;
  readonly outdated: boolean;
  readonly doubtful: readonly MirroredRef[];
  /** Without a UID, before the first batch. */
  readonly unplaced: readonly MessageId[];
}

/** Reads one mailbox, batch by batch, each in one transaction with its watermarks and its log rows. */
export class MailboxReader {
  constructor(private readonly context: ReaderDependencies) {}

  async read(mailboxId: MailboxId, options: ReadOptions): Promise<Reading> {
    const { mirror, keeper, signal } = this.context;
    const mailbox = await this.find(mailboxId);
    const request = {
      path: mailbox.path,
      checkpoint: mailbox.checkpoint,
      known: {
        uids: () => mirror.uidsOf(mailbox.accountId, mailboxId),
        count: () => mirror.countUids(mailbox.accountId, mailboxId),
        unreadable: () => mirror.unreadableUids(mailbox.accountId, mailboxId),
      },
      full: options.full ?? false,
    };
    const { epoch } = options;
    // Where nothing has happened no batch comes, and it is these that are lost.
    const unplaced = await mirror.write(mailbox.accountId, (tx) => findWaiting(tx, mailboxId), { epoch });
    const batches = keeper.synchronise(request, signal)[Symbol.asyncIterator]();
    try {
      let { checkpoint } = mailbox;
      let waiting: readonly MessageId[] | undefined;
      for (;;) {
        const step = await this.step(mailbox, batches, checkpoint, options);
        if (!step) break;
        if (!step.plan) return { ...step, complete: false };
        // Rows that begin to wait later were moved here meanwhile: this reading cannot say that they are lost.
        waiting ??= step.unplaced;
        checkpoint = step.checkpoint;
        if (options.interrupt?.()) return { ...nothingOdd, complete: false };
      }
      const lost = waiting ?? unplaced;
      await mirror.write(mailbox.accountId, (tx) => finish(tx, mailboxId, checkpoint, lost), { epoch });
      return { ...nothingOdd, complete: true };
    } finally {
      await batches.return?.();
    }
  }

  /** Fetching and writing are one step: a command in between could be undone by an answer that is older than it. */
  private step(
    mailbox: Mailbox,
    batches: AsyncIterator<SyncBatch>,
    checkpoint: SyncCheckpoint | undefined,
    options: ReadOptions,
  ): Promise<(Applied & { checkpoint: SyncCheckpoint }) | undefined> {
    const { mirror, locks } = this.context;
    return locks.lock([mailbox.id], async () => {
      const next = await batches.next();
      if (next.done) return undefined;
      const batch = next.value;
      const applied = await mirror.write(
        mailbox.accountId,
        async (tx) => {
          const prepared = await this.prepare(tx, mailbox, batch, checkpoint, options.trusting);
          if (prepared.plan) await apply(tx, mailbox, batch, prepared.plan);
          return prepared;
        },
        { epoch: options.epoch },
      );
      return { ...applied, checkpoint: batch.checkpoint };
    });
  }

  private async prepare(
    tx: MirrorTransaction,
    mailbox: Mailbox,
    batch: SyncBatch,
    checkpoint: SyncCheckpoint | undefined,
    trusting: boolean,
  ): Promise<Applied> {
    const { id: mailboxId } = mailbox;
    const { uidValidity } = batch.checkpoint;
    const current = await currentValidity(tx, mailboxId);
    const outdated = current !== checkpoint?.uidValidity && current !== uidValidity;
    if (outdated) return { outdated, doubtful: [], unplaced: [] };
    // Another reading may have done it already, and placed some of the rows.
    if (batch.reset && current !== uidValidity) await tx.resetMailbox(mailboxId);
    const unplaced = checkpoint === mailbox.checkpoint ? await tx.findUnplaced(mailboxId) : [];
    const uids = [...batch.messages, ...batch.flags].map(({ uid }) => uid).concat(batch.vanished);
    const known = await tx.findByUid(mailboxId, uidValidity, uids);
    const like = await tx.findUnplacedLike(mailboxId, batch.messages.map(identityOf));
    const plan = reconcile(batch, { mailboxId, known, unplaced: like, checkpoint });
    const doubtful = trusting ? [] : await this.findDoubtful(tx, mailbox, batch, plan.insert);
    return { ...(doubtful.length === 0 && { plan }), outdated, doubtful, unplaced };
  }

  private async findDoubtful(
    tx: MirrorTransaction,
    mailbox: Mailbox,
    { reset }: SyncBatch,
    inserted: readonly NewMessage[],
  ): Promise<readonly MirroredRef[]> {
    if (inserted.length === 0 || isView(mailbox)) return [];
    // A mailbox that another client has just made or renamed may be full of what was moved there; a new account's are all like this.
    const isNew = reset || (mailbox.checkpoint === undefined && (await isInboxRead(tx)));
    const arrived = inserted.filter(({ initial }) => isNew || !initial);
    const refs = await tx.findPlaced(arrived.map(identityOf));
    return lookalikes(refs, arrived).filter(({ id }) => !this.context.search.knowsPresent(id));
  }

  private async find(id: MailboxId): Promise<Mailbox> {
    const [mailbox] = await this.context.mirror.findMailboxes([id]);
    if (!mailbox) throw notFound('mailbox');
    return mailbox;
  }
}

const nothingOdd = { outdated: false, doubtful: [] } as const;

/** @throws MailError NOT_FOUND when a list has not named the mailbox any more */
async function currentValidity(tx: MirrorTransaction, id: MailboxId): Promise<UidValidity | undefined> {
  const mailbox = (await tx.mailboxes()).find((candidate) => candidate.id === id);
  if (!mailbox) throw notFound('mailbox');
  return mailbox.checkpoint?.uidValidity;
}

async function findWaiting(tx: MirrorTransaction, id: MailboxId): Promise<readonly MessageId[]> {
  const validity = await currentValidity(tx, id);
  // A UID of another mailbox: a command put it here while that one had this name. Without a validity all is read from the beginning.
  if (validity) await tx.departForeign(id, validity);
  return tx.findUnplaced(id);
}

const isInboxRead = async (tx: MirrorTransaction): Promise<boolean> =>
  (await tx.mailboxes()).every(({ specialUse, sync }) => specialUse !== 'INBOX' || sync.complete);

async function apply(
  tx: MirrorTransaction,
  { id: mailboxId }: Mailbox,
  batch: SyncBatch,
  plan: ReconcilePlan,
): Promise<void> {
  await tx.insertMessages(mailboxId, plan.insert);
  await tx.placeMessages(plan.place.map((row) => ({ ...row, mailboxId })));
  await tx.updateFlags(plan.updateFlags);
  await tx.departMessages(plan.depart);
  await tx.removeMessages(plan.remove);
  await tx.saveProgress(mailboxId, await progressOf(tx, mailboxId, batch), batch.checkpoint);
}

async function progressOf(tx: MirrorTransaction, id: MailboxId, batch: SyncBatch): Promise<Mailbox['sync']> {
  const synced = (await tx.mailboxes()).find((mailbox) => mailbox.id === id)?.totalMessages ?? 0;
  return {
    complete: batch.checkpoint.lowestUid <= 1,
    messagesTotal: batch.messagesTotal,
    messagesSynced: Math.min(synced, batch.messagesTotal),
    lastSyncAt: new Date(),
  };
}

/**
 * Everything was seen: what has been waiting for its UID since before the reading is not there any more, and may be elsewhere.
 * Unless another reading has begun anew meanwhile: then it is for that one to say.
 */
async function finish(
  tx: MirrorTransaction,
  id: MailboxId,
  read: SyncCheckpoint | undefined,
  lost: readonly MessageId[],
): Promise<void> {
  const find = async (): Promise<Mailbox | undefined> => (await tx.mailboxes()).find((mailbox) => mailbox.id === id);
  const before = await find();
  if (!before || before.checkpoint?.uidValidity !== read?.uidValidity) return;
  const waiting = new Set(lost.length > 0 ? await tx.findUnplaced(id) : []);
  await tx.departMessages(lost.filter((one) => waiting.has(one)));
  const total = (await find())?.totalMessages ?? 0;
  await tx.saveProgress(id, { complete: true, messagesTotal: total, messagesSynced: total, lastSyncAt: new Date() });
}

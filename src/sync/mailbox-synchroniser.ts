import { Inject, Injectable } from '@nestjs/common';
import { KeyedMutex } from '../common/keyed-mutex.js';
import type { RemoteMailbox, ServerKeeper, SyncBatch } from '../mailbox/keeper.port.js';
import { notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { MailboxLocks } from '../mailbox/mailbox-locks.port.js';
import {
  MIRROR_STORE,
  type MirrorStore,
  type MirrorTransaction,
  type MirrorWriteOptions,
} from '../store/mirror.port.js';
import { applyMailboxList } from './mailbox-list.js';
import { reconcile } from './reconcile.js';

export interface SynchroniseOptions extends MirrorWriteOptions {
  /** Compare everything, whatever the watermarks say. */
  readonly full?: boolean;
  /** Asked after each batch: true leaves the rest for later. */
  readonly interrupt?: () => boolean;
}

/** Carries what a server says into the mirror, batch by batch, each in one transaction with its watermarks and its log rows. */
@Injectable()
export class MailboxSynchroniser implements MailboxLocks {
  private readonly mutex = new KeyedMutex<MailboxId | AccountId>();

  constructor(@Inject(MIRROR_STORE) private readonly mirror: MirrorStore) {}

  /** Runs while no synchronisation and no other command is between its server's answer and the mirror for these mailboxes. */
  lock<T>(ids: readonly (MailboxId | AccountId)[], work: () => Promise<T>): Promise<T> {
    const [first, ...rest] = [...new Set(ids)].sort();
    if (first === undefined) return work();
    return this.mutex.run(first, () => this.lock(rest, work));
  }

  async synchroniseList(
    keeper: ServerKeeper,
    accountId: AccountId,
    options: MirrorWriteOptions,
    signal: AbortSignal,
  ): Promise<readonly RemoteMailbox[]> {
    return this.lock([accountId], async () => {
      const listed = await keeper.listMailboxes(signal);
      await this.mirror.write(accountId, (tx) => applyMailboxList(tx, listed), options);
      return listed;
    });
  }

  /** @returns false when it was interrupted before the end */
  async synchronise(
    keeper: ServerKeeper,
    mailboxId: MailboxId,
    options: SynchroniseOptions,
    signal: AbortSignal,
  ): Promise<boolean> {
    const mailbox = await this.find(mailboxId);
    const request = {
      path: mailbox.path,
      checkpoint: mailbox.checkpoint,
      known: { uids: () => this.mirror.uidsOf(mailbox.accountId, mailboxId) },
      full: options.full ?? false,
    };
    const batches = keeper.synchronise(request, signal)[Symbol.asyncIterator]();
    try {
      let checkpoint = mailbox.checkpoint;
      let waiting: readonly MessageId[] = [];
      for (;;) {
        // Fetching and writing are one step: a command in between could be undone by an answer that is older than it.
        const batch = await this.lock([mailboxId], async () => {
          const next = await batches.next();
          if (next.done) return undefined;
          const still = await this.mirror.write(
            mailbox.accountId,
            (tx) => applyBatch(tx, mailbox, next.value, checkpoint),
            options,
          );
          // Rows that begin to wait later were moved here meanwhile: this reading cannot say that they are lost.
          if (checkpoint === mailbox.checkpoint) waiting = still;
          return next.value;
        });
        if (!batch) break;
        checkpoint = batch.checkpoint;
        if (options.interrupt?.()) return false;
      }
      await this.mirror.write(mailbox.accountId, (tx) => finish(tx, mailboxId, waiting), options);
      return true;
    } finally {
      await batches.return?.();
    }
  }

  private async find(id: MailboxId): Promise<Mailbox> {
    const [mailbox] = await this.mirror.findMailboxes([id]);
    if (!mailbox) throw notFound('mailbox');
    return mailbox;
  }
}

async function applyBatch(
  tx: MirrorTransaction,
  mailbox: Mailbox,
  batch: SyncBatch,
  checkpoint: Mailbox['checkpoint'],
): Promise<readonly MessageId[]> {
  const { id } = mailbox;
  if (batch.reset) await tx.resetMailbox(id);
  const uids = [...batch.messages, ...batch.flags].map(({ uid }) => uid).concat(batch.vanished);
  const unplaced = await tx.findUnplaced(id);
  const plan = reconcile(batch, {
    known: await tx.findByUid(id, batch.checkpoint.uidValidity, uids),
    unplaced,
    checkpoint,
  });
  await tx.insertMessages(id, plan.insert);
  await tx.placeMessages(plan.place.map((row) => ({ ...row, mailboxId: id })));
  await tx.updateFlags(plan.updateFlags);
  await tx.removeMessages(plan.remove);
  await tx.saveProgress(id, await progressOf(tx, id, batch), batch.checkpoint);
  return unplaced.map((ref) => ref.id);
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

/** Everything was seen: what has been waiting for its UID since before the reading is not there any more. */
async function finish(tx: MirrorTransaction, id: MailboxId, waiting: readonly MessageId[]): Promise<void> {
  const lost = (await tx.findUnplaced(id)).filter((ref) => waiting.includes(ref.id));
  await tx.removeMessages(lost.map((ref) => ref.id));
  const mailbox = (await tx.mailboxes()).find((candidate) => candidate.id === id);
  if (!mailbox) return;
  const total = mailbox.totalMessages;
  await tx.saveProgress(id, { complete: true, messagesTotal: total, messagesSynced: total, lastSyncAt: new Date() });
}

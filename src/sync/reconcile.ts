import type { SyncBatch } from '../mailbox/keeper.port.js';
import type { MailboxId, MessageId, ModSeq, Uid } from '../mailbox/model/ids.js';
import type { SyncCheckpoint } from '../mailbox/model/mailbox.js';
import { sameFlags } from '../mailbox/model/flags.js';
import type { Flags, RemoteRef } from '../mailbox/model/message.js';
import type { MirroredRef, NewMessage } from '../store/mirror.port.js';
import { isTelling, Recogniser } from './recognise.js';

/** What a batch makes of the mirror. */
export interface ReconcilePlan {
  readonly insert: readonly NewMessage[];
  /** Rows that were waiting for their UID, recognised. */
  readonly place: readonly { id: MessageId; remote: RemoteRef }[];
  readonly updateFlags: readonly { id: MessageId; flags: Flags; modSeq?: ModSeq }[];
  /** Gone from here, and maybe to be found in another mailbox. */
  readonly depart: readonly MessageId[];
  /** Gone, and nothing to know them again by. */
  readonly remove: readonly MessageId[];
}

export interface Mirrored {
  /** The one that the batch is of. */
  readonly mailboxId: MailboxId;
  /** Rows with the UIDs that the batch names. */
  readonly known: readonly MirroredRef[];
  /** Rows without a UID that may be here. */
  readonly unplaced: readonly MirroredRef[];
  /** Before the batch; absent for a mailbox's first. */
  readonly checkpoint?: SyncCheckpoint;
}

/** Compares one batch of the server's with what the mirror holds. Pure; O(n) in the batch. */
export function reconcile(batch: SyncBatch, mirrored: Mirrored): ReconcilePlan {
  const known = new Map(mirrored.known.map((ref) => [ref.remote?.uid, ref]));
  const unplaced = new Recogniser(mirrored.mailboxId, mirrored.unplaced);
  const insert: NewMessage[] = [];
  const place: { id: MessageId; remote: RemoteRef }[] = [];
  const updates = new Map<MessageId, { id: MessageId; flags: Flags; modSeq?: ModSeq }>();
  const compare = (ref: MirroredRef, flags: Flags, modSeq?: ModSeq): void => {
    // The mirror may be ahead: a command's own answer can overtake a fetch that was sent before it.
    if (modSeq !== undefined && ref.modSeq !== undefined && modSeq < ref.modSeq) return;
    if (!sameFlags(ref.flags, flags) || modSeq !== ref.modSeq) updates.set(ref.id, { id: ref.id, flags, modSeq });
  };
  const isInitial = initialRule(batch, mirrored.checkpoint);

  for (const message of batch.messages) {
    const remote = { uidValidity: batch.checkpoint.uidValidity, uid: message.uid };
    const ref = known.get(message.uid);
    if (ref) {
      compare(ref, message.data.flags, message.modSeq);
      continue;
    }
    const waiting = unplaced.take(message);
    if (!waiting) {
      insert.push({ data: message.data, remote, modSeq: message.modSeq, initial: isInitial(message.uid) });
      continue;
    }
    place.push({ id: waiting.id, remote });
    compare(waiting, message.data.flags, message.modSeq);
  }
  for (const { uid, flags, modSeq } of batch.flags) {
    const ref = known.get(uid);
    if (ref) compare(ref, flags, modSeq);
  }
  const gone = batch.vanished.flatMap((uid) => known.get(uid) ?? []);
  for (const { id } of gone) updates.delete(id);
  return {
    insert,
    place,
    updateFlags: [...updates.values()],
    depart: gone.filter(isTelling).map(({ id }) => id),
    remove: gone.filter((ref) => !isTelling(ref)).map(({ id }) => id),
  };
}

/** Below the lowest UID read so far is history; anything else that is new to us is news. */
function initialRule({ reset }: SyncBatch, checkpoint: SyncCheckpoint | undefined): (uid: Uid) => boolean {
  if (reset || !checkpoint) return () => true;
  return (uid) => uid < checkpoint.lowestUid;
}

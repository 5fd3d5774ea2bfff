import type { RemoteMessage, SyncBatch } from '../mailbox/keeper.port.js';
import type { MessageId, ModSeq, Uid } from '../mailbox/model/ids.js';
import type { SyncCheckpoint } from '../mailbox/model/mailbox.js';
import { sameFlags } from '../mailbox/model/flags.js';
import type { Flags, RemoteRef } from '../mailbox/model/message.js';
import type { MirroredRef, NewMessage } from '../store/mirror.port.js';

/** What a batch makes of the mirror. */
export interface ReconcilePlan {
  readonly insert: readonly NewMessage[];
  /** Rows that were waiting for their UID, recognised. */
  readonly place: readonly { id: MessageId; remote: RemoteRef }[];
  readonly updateFlags: readonly { id: MessageId; flags: Flags; modSeq?: ModSeq }[];
  readonly remove: readonly MessageId[];
}

export interface Mirrored {
  /** Rows with the UIDs that the batch names. */
  readonly known: readonly MirroredRef[];
  /** Rows that are in this mailbox, but not known under which UID. */
  readonly unplaced: readonly MirroredRef[];
  /** Before the batch; absent for a mailbox's first. */
  readonly checkpoint?: SyncCheckpoint;
}

/** Compares one batch of the server's with what the mirror holds. Pure; O(n) in the batch. */
export function reconcile(batch: SyncBatch, mirrored: Mirrored): ReconcilePlan {
  const known = new Map(mirrored.known.map((ref) => [ref.uid, ref]));
  const unplaced = new Recogniser(mirrored.unplaced);
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
  const remove = batch.vanished.flatMap((uid) => known.get(uid)?.id ?? []);
  return { insert, place, remove, updateFlags: [...updates.values()].filter(({ id }) => !remove.includes(id)) };
}

/** Below the lowest UID read so far is history; anything else that is new to us is news. */
function initialRule({ reset }: SyncBatch, checkpoint: SyncCheckpoint | undefined): (uid: Uid) => boolean {
  if (reset || !checkpoint) return () => true;
  return (uid) => uid < checkpoint.lowestUid;
}

/**
 * Finds rows again whose UID is void, by Message-ID, size and internal date; each is given out once. A moved message keeps its
 * internal date (RFC 6851 section 3.3), a renumbered mailbox does too.
 */
class Recogniser {
  private readonly waiting = new Map<string, MirroredRef[]>();

  constructor(refs: readonly MirroredRef[]) {
    for (const ref of refs) {
      const key = identity(ref.messageId, ref.sizeBytes, ref.internalDate);
      this.waiting.set(key, [...(this.waiting.get(key) ?? []), ref]);
    }
  }

  take({ data }: RemoteMessage): MirroredRef | undefined {
    return this.waiting.get(identity(data.envelope.messageId, data.sizeBytes, data.internalDate))?.shift();
  }
}

const identity = (messageId: string | undefined, sizeBytes: number, internalDate: Date): string =>
  `${internalDate.getTime()} ${sizeBytes} ${messageId ?? ''}`;

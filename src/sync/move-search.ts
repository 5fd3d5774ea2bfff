import type { RemoteMailbox, RemoteMailboxStatus, ServerKeeper } from '../mailbox/keeper.port.js';
import type { AccountId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { RemoteRef } from '../mailbox/model/message.js';
import { isMailError } from '../mailbox/mailbox.errors.js';
import type { MirroredRef, MirrorStore, MirrorTransaction } from '../store/mirror.port.js';
import { isMailboxTrouble } from './mailbox-trouble.js';
import { isView } from './views.js';

interface SearchOptions {
  readonly mirror: MirrorStore;
  readonly keeper: ServerKeeper;
  readonly accountId: AccountId;
  readonly epoch: bigint | undefined;
  readonly signal: AbortSignal;
  /** Carries the server's list into the mirror. */
  readonly list: () => Promise<unknown>;
  /** Searches in a row that ended before they had seen everything, by account. */
  readonly unfinished: Map<AccountId, number>;
}

/** @returns false when it was interrupted before the end */
type Read = (mailboxId: MailboxId, interrupt: () => boolean) => Promise<boolean>;

/**
 * - quiet: no mailbox had anything new
 * - read: all that was new was read
 * - again: something was in the way that another look may not find there
 * - late: there was more than there was time for
 */
type Look = 'quiet' | 'read' | 'again' | 'late';

type PlacedRef = MirroredRef & { readonly remote: RemoteRef };

/** Whoever waits for the synchronisation waits for the search too. */
const maxSearchMs = 5_000;
/** A message that is in none of the mailboxes has been moved on as often as they were looked at, or is not there any more. */
const maxLooks = 3;
/** An account in which there is always more to read than there is time for: then what is not found is removed nevertheless. */
const maxUnfinished = 10;
/** A mailbox that cannot be read so many times is left out, and the list compared no more often. */
const maxTrouble = 2;
/** A mailbox that nobody has read yet is read for a search up to this size. */
const maxNewMailbox = 2_000;

/**
 * Finds out what other clients have moved. A message that has gone from its mailbox departs with the batch that says so, and stays
 * in the mirror until it is recognised in a mailbox or all were looked at in vain. What has departed is known by its row alone:
 * whoever reads next finds it, or goes on searching, in whatever process.
 */
export class MoveSearch {
  private readonly present = new Set<MessageId>();
  /** Their mailbox was not to be found where it should be. */
  private readonly unsure = new Set<MessageId>();
  private readonly trouble = new Map<MailboxId, number>();
  /** How those stood that were read to the end: the mirror never hears of a UID whose message was expunged at once. */
  private readonly read = new Map<MailboxId, string>();
  private lists = 0;

  constructor(private readonly options: SearchOptions) {}

  /** The server was asked, and it is where it was. */
  knowsPresent(id: MessageId): boolean {
    return this.present.has(id);
  }

  /** Asks the server whether these are still where they were; those that are not have departed. */
  async ask(refs: readonly MirroredRef[]): Promise<void> {
    const { mirror, accountId, epoch, list } = this.options;
    const gone: PlacedRef[] = [];
    const unsureBefore = this.unsure.size;
    for (const group of byPlace(refs)) {
      const there = await this.findPresent(group);
      for (const ref of group) {
        if (there?.has(ref.remote.uid)) this.present.add(ref.id);
        else if (there || this.unsure.has(ref.id)) gone.push(ref);
        else this.unsure.add(ref.id);
      }
    }
    if (gone.length > 0) await mirror.write(accountId, (tx) => departWhereStill(tx, gone), { epoch });
    // Their mailbox may have another name by now: with that they are asked about once more.
    if (this.unsure.size > unsureBefore) await list();
  }

  /**
   * Reads the mailboxes that have something new, while anything is missing and time is left. What is not found is removed when
   * there was nothing new anywhere, or after so many looks.
   * @returns false where the next search has to go on
   */
  async seek(read: Read): Promise<boolean> {
    const { mirror, accountId, unfinished } = this.options;
    const until = performance.now() + maxSearchMs;
    const looks = new Map<MessageId, number>();
    for (;;) {
      const missing = await mirror.findDeparted(accountId);
      if (missing.length === 0) break;
      const look = await this.look(read, until);
      if (look === 'quiet') await this.remove(missing);
      if (look === 'read') {
        for (const id of missing) looks.set(id, (looks.get(id) ?? 0) + 1);
        await this.remove(missing.filter((id) => looks.get(id) === maxLooks));
      }
      if (look === 'quiet' || (look !== 'late' && performance.now() < until)) continue;
      const searches = (unfinished.get(accountId) ?? 0) + 1;
      unfinished.set(accountId, searches);
      if (searches < maxUnfinished) return false;
      await this.remove(missing);
      break;
    }
    unfinished.delete(accountId);
    return true;
  }

  private async look(read: Read, until: number): Promise<Look> {
    const { mirror, accountId, list } = this.options;
    this.present.clear();
    // Before the server says how they stand: what others read meanwhile counts as new.
    const mailboxes = await mirror.mailboxesOf([accountId]);
    const listed = await this.list(mailboxes);
    if (differ(mailboxes, listed) && this.lists < maxTrouble) {
      this.lists += 1;
      await list();
      return 'again';
    }
    const statuses = new Map(listed.map(({ path, status }) => [path, status]));
    let look: Look = 'quiet';
    for (const mailbox of mailboxes) {
      const status = statuses.get(mailbox.path);
      if (!this.isWorthReading(mailbox, status)) continue;
      if (look !== 'quiet' && performance.now() > until) return 'late';
      if (look === 'quiet') look = 'read';
      // What is new comes first; a history that is being read anyway is left to itself.
      const onlyNews = mailbox.checkpoint !== undefined && !mailbox.sync.complete;
      const complete = await tolerantly(() => read(mailbox.id, () => onlyNews || performance.now() > until));
      if (complete === false && !onlyNews) return 'late';
      if (complete && status) this.read.set(mailbox.id, standing(status));
      if (complete !== undefined) continue;
      this.trouble.set(mailbox.id, (this.trouble.get(mailbox.id) ?? 0) + 1);
      look = 'again';
    }
    return look;
  }

  private isWorthReading(mailbox: Mailbox, status: RemoteMailboxStatus | undefined): boolean {
    if (this.trouble.get(mailbox.id) === maxTrouble || !mayHaveReceived(mailbox, status)) return false;
    return !status || this.read.get(mailbox.id) !== standing(status);
  }

  private async remove(ids: readonly MessageId[]): Promise<void> {
    const { mirror, accountId, epoch } = this.options;
    if (ids.length > 0) await mirror.write(accountId, (tx) => tx.removeDeparted(ids), { epoch });
  }

  private list(mailboxes: readonly Mailbox[]): Promise<readonly RemoteMailbox[]> {
    const { keeper, signal } = this.options;
    const read = new Set(mailboxes.filter(({ checkpoint }) => checkpoint).map(({ path }) => path));
    // Where each status costs a round trip: of those to which messages are mostly moved, and of those that were just made.
    return keeper.listMailboxes(signal, ({ path, specialUse }) => specialUse !== undefined || !read.has(path));
  }

  /** @returns undefined where there is no such mailbox, or it is another one; all of them where it cannot be asked */
  private async findPresent(refs: readonly PlacedRef[]): Promise<ReadonlySet<number> | undefined> {
    const { mirror, keeper, signal } = this.options;
    const [{ mailboxId, remote }] = refs as [PlacedRef];
    const uids = refs.map((ref) => ref.remote.uid);
    const [mailbox] = await mirror.findMailboxes([mailboxId]);
    if (!mailbox) return undefined;
    try {
      const present = await keeper.findPresent(mailbox.path, remote.uidValidity, uids, signal);
      return present && new Set(present);
    } catch (error) {
      if (!isMailboxTrouble(error)) throw error;
      return isMailError(error) && error.code === 'NOT_FOUND' ? undefined : new Set(uids);
    }
  }
}

/** Those of one mailbox and UIDVALIDITY together. */
function byPlace(refs: readonly MirroredRef[]): readonly (readonly PlacedRef[])[] {
  const groups = new Map<string, PlacedRef[]>();
  for (const ref of refs) {
    if (!ref.remote) continue;
    const key = `${ref.mailboxId} ${ref.remote.uidValidity}`;
    const group = groups.get(key) ?? [];
    groups.set(key, [...group, { ...ref, remote: ref.remote }]);
  }
  return [...groups.values()];
}

/** A command or another reading may have found some of them in their new places while the server was asked. */
async function departWhereStill(tx: MirrorTransaction, refs: readonly PlacedRef[]): Promise<void> {
  const still: MessageId[] = [];
  for (const { id, mailboxId, remote } of refs) {
    const [now] = await tx.findByUid(mailboxId, remote.uidValidity, [remote.uid]);
    if (now?.id === id) still.push(id);
  }
  await tx.departMessages(still);
}

/** Mailboxes came, went or got other names since the mirror's list. */
function differ(mailboxes: readonly Mailbox[], listed: readonly RemoteMailbox[]): boolean {
  const known = new Set(mailboxes.map(({ path }) => path));
  const named = new Set(listed.map(({ path }) => path));
  return listed.some(({ path }) => !known.has(path)) || mailboxes.some((one) => one.selectable && !named.has(one.path));
}

/** Only where a message has come; without figures, only where people mostly move messages to. */
function mayHaveReceived(mailbox: Mailbox, status: RemoteMailboxStatus | undefined): boolean {
  const { checkpoint, selectable, specialUse } = mailbox;
  if (!selectable || isView(mailbox)) return false;
  if (!status) return specialUse !== undefined;
  if (!checkpoint) return status.messages > 0 && status.messages <= maxNewMailbox;
  return status.uidValidity !== checkpoint.uidValidity || status.uidNext > checkpoint.nextUid;
}

const standing = ({ uidValidity, uidNext }: RemoteMailboxStatus): string => `${uidValidity} ${uidNext}`;

/** One mailbox that cannot be read is no reason not to look at the others. */
async function tolerantly<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isMailboxTrouble(error)) throw error;
    return undefined;
  }
}

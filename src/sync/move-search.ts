import type { RemoteMailbox, RemoteMailboxStatus, ServerKeeper } from '../mailbox/keeper.port.js';
import { notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId, MessageId, UidValidity } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { MirroredRef, MirrorStore, MirrorTransaction } from '../store/mirror.port.js';
import { isMailboxTrouble } from './mailbox-trouble.js';
import type { ReconcilePlan } from './reconcile.js';
import { isView } from './views.js';

/** Messages that have gone from their mailboxes and are not called removed yet, of all accounts. */
export interface Departed {
  /** By searches under way, and by those to come. */
  readonly sought: Set<MessageId>;
  /** Of searches that failed: the next one of the account goes on with them. */
  readonly unsettled: Map<AccountId, readonly MessageId[]>;
  /** Leases under which it was looked whether another process has left some behind. */
  readonly takenOver: Map<AccountId, bigint>;
}

interface SearchOptions {
  readonly mirror: MirrorStore;
  readonly departed: Departed;
  readonly keeper: ServerKeeper;
  readonly mailboxId: MailboxId;
  readonly epoch: bigint | undefined;
  readonly signal: AbortSignal;
}

interface Elsewhere {
  /** Carries the server's list into the mirror. */
  readonly list: (accountId: AccountId) => Promise<unknown>;
  readonly read: (mailboxId: MailboxId, interrupt: () => boolean) => Promise<unknown>;
}

/** Whoever waits for the synchronisation waits for the search too. */
const maxSearchMs = 5_000;
const maxRounds = 3;
/** A mailbox that nobody has read yet is read for a search up to this size. */
const maxNewMailbox = 2_000;

/**
 * Finds out during one synchronisation what other clients have moved. A message that has gone from its mailbox loses its UID with
 * the batch that says so, and stays in the mirror until the other mailboxes were looked at: it is placed where it was recognised,
 * else removed. When the process dies meanwhile, the next one goes on with it.
 */
export class MoveSearch {
  private readonly gone = new Set<MessageId>();
  private readonly present = new Set<MessageId>();

  private constructor(
    private readonly options: SearchOptions,
    private readonly mailbox: Mailbox,
  ) {}

  static async begin(options: SearchOptions): Promise<MoveSearch> {
    const [mailbox] = await options.mirror.findMailboxes([options.mailboxId]);
    if (!mailbox) throw notFound('mailbox');
    const search = new MoveSearch(options, mailbox);
    const { unsettled } = options.departed;
    search.lose(unsettled.get(mailbox.accountId) ?? []);
    unsettled.delete(mailbox.accountId);
    await search.takeOver();
    return search;
  }

  /** It has gone from its mailbox and may be found in another. */
  seeks(id: MessageId): boolean {
    return this.options.departed.sought.has(id);
  }

  /** The server was asked, and it is where it was. */
  knowsPresent(id: MessageId): boolean {
    return this.present.has(id);
  }

  note({ unplace, place }: Pick<ReconcilePlan, 'unplace' | 'place'>): void {
    this.lose(unplace);
    for (const { id } of place) this.forget(id);
  }

  /** Asks the server whether these are still where they were. */
  async ask(refs: readonly MirroredRef[]): Promise<void> {
    const { mirror, epoch } = this.options;
    const { accountId } = this.mailbox;
    const mailboxes = await mirror.mailboxesOf([accountId]);
    const gone: MirroredRef[] = [];
    for (const mailbox of mailboxes) {
      const inside = refs.filter(({ mailboxId }) => mailboxId === mailbox.id);
      const there = inside.length === 0 ? [] : await this.findPresent(mailbox, inside);
      for (const { id } of there) this.present.add(id);
      gone.push(...inside.filter((ref) => !there.includes(ref)));
    }
    this.lose(await mirror.write(accountId, (tx) => unplaceWhereStill(tx, gone), { epoch }));
  }

  /**
   * Reads the other mailboxes that have something new, while anything is missing and time is left; once more where there were any,
   * because what they had may have been moved on meanwhile.
   */
  async lookElsewhere(elsewhere: Elsewhere): Promise<void> {
    const until = performance.now() + maxSearchMs;
    for (let rounds = 1; this.gone.size > 0 && rounds <= maxRounds; rounds += 1) {
      if (!(await this.lookOnce(elsewhere, until))) return;
    }
  }

  /** @returns false where nothing was read, or no time is left */
  private async lookOnce({ list, read }: Elsewhere, until: number): Promise<boolean> {
    const { mirror } = this.options;
    const { accountId } = this.mailbox;
    let mailboxes = await mirror.mailboxesOf([accountId]);
    const listed = await this.list(mailboxes);
    if (listed.some(({ path }) => !mailboxes.some((known) => known.path === path))) {
      await list(accountId);
      mailboxes = await mirror.mailboxesOf([accountId]);
    }
    const statuses = new Map(listed.map(({ path, status }) => [path, status]));
    let any = false;
    for (const other of mailboxes) {
      if (this.gone.size === 0 || performance.now() > until) return false;
      if (other.id === this.mailbox.id || !mayHaveReceived(other, statuses.get(other.path))) continue;
      any = true;
      // What is new comes first; a history that is being read anyway is left to itself.
      const onlyNews = other.checkpoint !== undefined && !other.sync.complete;
      await tolerantly(() => read(other.id, () => onlyNews || performance.now() > until));
    }
    return any;
  }

  /** What was not found is removed. */
  async settle(): Promise<void> {
    if (this.gone.size === 0) return;
    const { mirror, epoch } = this.options;
    const lost = [...this.gone];
    await mirror.write(this.mailbox.accountId, (tx) => tx.removeUnplaced(lost), { epoch });
    lost.forEach((id) => this.forget(id));
  }

  /** Idempotent; leaves what is not settled to the account's next search. */
  end(): void {
    if (this.gone.size === 0) return;
    const { unsettled } = this.options.departed;
    const { accountId } = this.mailbox;
    unsettled.set(accountId, [...(unsettled.get(accountId) ?? []), ...this.gone]);
    this.gone.clear();
  }

  /** Who had the account before may have died in the middle of a search. */
  private async takeOver(): Promise<void> {
    const { mirror, departed, epoch } = this.options;
    const { accountId } = this.mailbox;
    if (epoch === undefined || departed.takenOver.get(accountId) === epoch) return;
    this.lose(await mirror.write(accountId, (tx) => tx.findLeftBehind(), { epoch }));
    departed.takenOver.set(accountId, epoch);
  }

  private lose(ids: readonly MessageId[]): void {
    for (const id of ids) {
      this.gone.add(id);
      this.options.departed.sought.add(id);
    }
  }

  private forget(id: MessageId): void {
    this.gone.delete(id);
    this.options.departed.sought.delete(id);
  }

  private list(mailboxes: readonly Mailbox[]): Promise<readonly RemoteMailbox[]> {
    const { keeper, signal } = this.options;
    const read = new Set(mailboxes.filter(({ checkpoint }) => checkpoint).map(({ path }) => path));
    // Where each status costs a round trip: of those to which messages are mostly moved, and of those that were just made.
    return keeper.listMailboxes(signal, ({ path, specialUse }) => specialUse !== undefined || !read.has(path));
  }

  private async findPresent(
    { path, checkpoint }: Mailbox,
    refs: readonly MirroredRef[],
  ): Promise<readonly MirroredRef[]> {
    const { keeper, signal } = this.options;
    const validity = checkpoint?.uidValidity;
    const placed = refs.filter(({ remote }) => remote?.uidValidity === validity);
    const uids = placed.flatMap(({ remote }) => remote?.uid ?? []);
    const present = await tolerantly(() => keeper.findPresent(path, validity as UidValidity, uids, signal));
    if (!present) return refs;
    const there = new Set(present);
    return refs.filter((ref) => !placed.includes(ref) || (ref.remote && there.has(ref.remote.uid)));
  }
}

/** A command or another reading may have found some of them in their new places while the server was asked. */
async function unplaceWhereStill(tx: MirrorTransaction, refs: readonly MirroredRef[]): Promise<readonly MessageId[]> {
  const still: MessageId[] = [];
  for (const { id, mailboxId, remote } of refs) {
    if (!remote) continue;
    const [now] = await tx.findByUid(mailboxId, remote.uidValidity, [remote.uid]);
    if (now?.id === id) still.push(id);
  }
  await tx.unplaceMessages(still);
  return still;
}

/** Only where a message has come; without figures, only where people mostly move messages to. */
function mayHaveReceived(mailbox: Mailbox, status: RemoteMailboxStatus | undefined): boolean {
  const { checkpoint, selectable, specialUse } = mailbox;
  if (!selectable || isView(mailbox)) return false;
  if (!status) return specialUse !== undefined;
  if (!checkpoint) return status.messages > 0 && status.messages <= maxNewMailbox;
  return status.uidValidity !== checkpoint.uidValidity || status.uidNext > checkpoint.nextUid;
}

/** One mailbox that cannot be read is no reason not to look at the others. */
async function tolerantly<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isMailboxTrouble(error)) throw error;
    return undefined;
  }
}

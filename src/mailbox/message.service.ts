import { Inject, Injectable } from '@nestjs/common';
import { maySee, requireScope, type Principal } from '../auth/principal.js';
import { CONFIG, type Config } from '../config/config.js';
import { MIRROR_STORE, type MirroredRef, type MirrorStore } from '../store/mirror.port.js';
import type { Keeper, Outcome } from './keeper.port.js';
import { KEEPER_PROVIDER, MAILBOX_LOCKS, type KeeperProvider } from './keeper-provider.port.js';
import { checkKeywords } from './keywords.js';
import { invalidInput, MailError, notFound } from './mailbox.errors.js';
import type { MailboxLocks } from './mailbox-locks.port.js';
import {
  failAll,
  failuresOf,
  groupByMailbox,
  missing,
  type MessageFailure,
  type MessageGroup,
  type MessagesResult,
} from './message-commands.js';
import type { MailboxId, MessageId } from './model/ids.js';
import { namespacePrefix } from './model/mailbox-path.js';
import type { Mailbox } from './model/mailbox.js';
import type { FlagChange, Message, RemoteRef } from './model/message.js';

export interface DeleteResult {
  readonly trashed: readonly Message[];
  readonly deletedIds: readonly MessageId[];
  readonly failures: readonly MessageFailure[];
}

/** What a command sees of the messages it is about, while nothing else touches their mailbox. */
interface CommandContext {
  readonly keeper: Keeper;
  readonly mailbox: Mailbox;
  readonly messages: readonly Message[];
  readonly signal: AbortSignal;
}

/** Copies that the server has made without telling their UIDs (no UIDPLUS, RFC 4315). */
interface UnnamedCopies {
  readonly originals: readonly Message[];
  /** Looked like them already. */
  readonly before: ReadonlySet<MessageId>;
}

type Command = (context: CommandContext) => Promise<readonly Outcome<unknown>[]>;

const commandDeadlineMs = 120_000;

/** Commands on messages of either protocol: the keeper first, then the mirror says what was confirmed. */
@Injectable()
export class MessageService {
  constructor(
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
    @Inject(KEEPER_PROVIDER) private readonly keepers: KeeperProvider,
    @Inject(MAILBOX_LOCKS) private readonly locks: MailboxLocks,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async updateMessages(ctx: Principal, ids: readonly MessageId[], change: FlagChange): Promise<MessagesResult> {
    checkKeywords(change.addKeywords ?? [], 'addKeywords');
    checkKeywords(change.removeKeywords ?? [], 'removeKeywords');
    const failures = await this.command(ctx, ids, [], async ({ keeper, mailbox, messages, signal }) => {
      const outcomes = await keeper.setFlags(mailbox, messages, change, signal);
      const rows = outcomes.flatMap((o) => (o.ok ? [{ id: o.messageId, ...o.value }] : []));
      await this.mirror.write(mailbox.accountId, (tx) => tx.updateFlags(rows));
      return outcomes;
    });
    return this.result(ids, failures);
  }

  async moveMessages(ctx: Principal, ids: readonly MessageId[], mailboxId: MailboxId): Promise<MessagesResult> {
    const target = await this.target(ctx, mailboxId);
    return this.result(ids, await this.move(ctx, ids, target));
  }

  /** The copies, in no particular order. */
  async copyMessages(ctx: Principal, ids: readonly MessageId[], mailboxId: MailboxId): Promise<MessagesResult> {
    const target = await this.target(ctx, mailboxId);
    const copies: MessageId[] = [];
    const placed: RemoteRef[] = [];
    const unnamed: UnnamedCopies[] = [];
    const failures = await this.command(ctx, ids, [mailboxId], async (context) => {
      sameAccount(context.mailbox, target);
      const { keeper, mailbox, messages, signal } = context;
      const to = await this.asItIsNow(target);
      const named = keeper.storage === 'GATEWAY' || keeper.capabilities?.server.includes('UIDPLUS');
      const before = named ? [] : await this.findAlike(target, messages);
      const outcomes = await keeper.copy(mailbox, messages, to, signal);
      const done = messages.filter(({ id }) => outcomes.some((o) => o.ok && o.messageId === id));
      if (keeper.storage === 'GATEWAY') copies.push(...(await this.insertCopies(done, target)));
      else placed.push(...outcomes.flatMap((o) => (o.ok && o.value ? [o.value] : [])));
      if (!named && !outcomes.some((o) => o.ok && o.value)) unnamed.push({ originals: done, before: new Set(before) });
      return outcomes;
    });
    await this.keepers.refreshMailbox(mailboxId, deadline());
    copies.push(...(await this.findPlaced(target, placed)));
    for (const { originals, before } of unnamed) {
      copies.push(...(await this.findAlike(target, originals)).filter((id) => !before.has(id)));
    }
    return { messages: await this.mirror.findMessages(copies), failures };
  }

  /** To Trash; for good where asked for, or where they are in Trash already. */
  async deleteMessages(
    ctx: Principal,
    ids: readonly MessageId[],
    { permanently }: { permanently: boolean },
  ): Promise<DeleteResult> {
    const messages = await this.visible(ctx, ids);
    const failures = missing(ids, messages);
    const trashOf = new Map<string, Mailbox>();
    const forGood: MessageId[] = [];
    const toTrash: MessageId[] = [];
    for (const { accountId, mailboxId, ids: group } of groupByMailbox(messages)) {
      try {
        const trash = permanently ? undefined : (trashOf.get(accountId) ?? (await this.trash(accountId)));
        if (trash) trashOf.set(accountId, trash);
        (trash === undefined || trash.id === mailboxId ? forGood : toTrash).push(...group);
      } catch (error) {
        failures.push(...failAll(group, error));
      }
    }
    for (const trash of trashOf.values()) {
      const mine = messages.filter(({ id, accountId }) => accountId === trash.accountId && toTrash.includes(id));
      if (mine.length > 0)
        failures.push(
          ...(await this.move(
            ctx,
            mine.map(({ id }) => id),
            trash,
          )),
        );
    }
    failures.push(...(await this.expunge(ctx, forGood)));
    const failed = new Set(failures.map(({ id }) => id));
    return {
      trashed: await this.mirror.findMessages(toTrash.filter((id) => !failed.has(id))),
      deletedIds: forGood.filter((id) => !failed.has(id)),
      failures,
    };
  }

  private expunge(ctx: Principal, ids: readonly MessageId[]): Promise<MessageFailure[]> {
    return this.command(ctx, ids, [], async ({ keeper, mailbox, messages, signal }) => {
      const outcomes = await keeper.expunge(mailbox, messages, signal);
      const gone = outcomes.flatMap((o) => (o.ok ? [o.messageId] : []));
      await this.mirror.write(mailbox.accountId, (tx) => tx.removeMessages(gone));
      return outcomes;
    });
  }

  private async move(ctx: Principal, ids: readonly MessageId[], target: Mailbox): Promise<MessageFailure[]> {
    let unplaced = false;
    const failures = await this.command(ctx, ids, [target.id], async (context) => {
      const { keeper, mailbox, messages, signal } = context;
      sameAccount(mailbox, target);
      if (mailbox.id === target.id) return messages.map(({ id }) => ({ messageId: id, ok: true, value: undefined }));
      const to = await this.asItIsNow(target);
      const outcomes = await keeper.move(mailbox, messages, to, signal);
      const rows = outcomes.flatMap((o) =>
        o.ok ? [{ id: o.messageId, mailboxId: to.id, remote: placeIn(to, o.value) }] : [],
      );
      unplaced ||= keeper.storage === 'SERVER' && rows.some(({ remote }) => !remote);
      await this.mirror.write(target.accountId, (tx) => tx.placeMessages(rows));
      return outcomes;
    });
    // The server did not say where they are now: reading the target finds them and gives them their UIDs.
    if (unplaced) await this.keepers.refreshMailbox(target.id, deadline());
    return failures;
  }

  /** Runs a command once per mailbox, each by itself: trouble with one leaves the others alone. */
  private async command(
    ctx: Principal,
    ids: readonly MessageId[],
    alsoLock: readonly MailboxId[],
    run: Command,
  ): Promise<MessageFailure[]> {
    const messages = await this.visible(ctx, ids);
    const perGroup = await Promise.all(groupByMailbox(messages).map((group) => this.commandOne(group, alsoLock, run)));
    return [...missing(ids, messages), ...perGroup.flat()];
  }

  private async commandOne(
    { accountId, mailboxId, ids }: MessageGroup,
    alsoLock: readonly MailboxId[],
    run: Command,
  ): Promise<MessageFailure[]> {
    try {
      const keeper = await this.keepers.keeperOf(accountId);
      return await this.locks.lock([mailboxId, ...alsoLock], async () => {
        const [mailbox] = await this.mirror.findMailboxes([mailboxId]);
        if (!mailbox) throw notFound('mailbox');
        const messages = (await this.mirror.findMessages(ids)).filter((message) => message.mailboxId === mailboxId);
        const left = ids.filter((id) => !messages.some((message) => message.id === id));
        const outcomes = await run({ keeper, mailbox, messages, signal: deadline() });
        return [...failAll(left, movedMeanwhile()), ...failuresOf(outcomes)];
      });
    } catch (error) {
      return failAll(ids, error);
    }
  }

  private async visible(ctx: Principal, ids: readonly MessageId[]): Promise<readonly Message[]> {
    requireScope(ctx, 'MODIFY');
    const { maxBulkIds } = this.config.limits;
    if (ids.length > maxBulkIds) throw invalidInput(['input', 'ids'], `at most ${maxBulkIds} ids in one call`);
    return (await this.mirror.findMessages(ids)).filter(({ accountId }) => maySee(ctx, accountId));
  }

  private async target(ctx: Principal, id: MailboxId): Promise<Mailbox> {
    requireScope(ctx, 'MODIFY');
    const [mailbox] = await this.mirror.findMailboxes([id]);
    if (!mailbox || !maySee(ctx, mailbox.accountId)) throw notFound('mailbox');
    if (!mailbox.selectable) throw invalidInput(['input', 'mailboxId'], 'this mailbox only holds other mailboxes');
    return mailbox;
  }

  /** Once it is locked: since it was asked for its name may have become another one. */
  private async asItIsNow({ id }: Mailbox): Promise<Mailbox> {
    const [mailbox] = await this.mirror.findMailboxes([id]);
    if (!mailbox) throw notFound('mailbox');
    return mailbox;
  }

  /** The account's Trash, made where there is none. */
  private async trash(accountId: Mailbox['accountId']): Promise<Mailbox> {
    const isTrash = ({ specialUse }: Mailbox): boolean => specialUse === 'TRASH';
    const mailboxes = await this.mirror.mailboxesOf([accountId]);
    const trash = mailboxes.find(isTrash);
    if (trash) return trash;
    const keeper = await this.keepers.keeperOf(accountId);
    await keeper.createMailbox(`${namespacePrefix(mailboxes)}Trash`, deadline());
    await this.keepers.refreshMailboxList(accountId, deadline());
    const made = (await this.mirror.mailboxesOf([accountId])).find(isTrash);
    if (!made) throw new MailError('UNSUPPORTED', 'this account has no Trash: delete with `permanently: true`');
    return made;
  }

  private insertCopies(messages: readonly Message[], target: Mailbox): Promise<readonly MessageId[]> {
    const rows = messages.map(({ contentId, ...data }) => ({ data, contentId, initial: false }));
    return this.mirror.write(target.accountId, (tx) => tx.insertMessages(target.id, rows));
  }

  private async findPlaced(mailbox: Mailbox, refs: readonly RemoteRef[]): Promise<readonly MessageId[]> {
    const [first] = refs;
    if (!first) return [];
    const uids = refs.map(({ uid }) => uid);
    const rows = await this.mirror.write(mailbox.accountId, (tx) => tx.findByUid(mailbox.id, first.uidValidity, uids));
    return rows.map(({ id }) => id);
  }

  /** What is in the mailbox and looks like one of these, which are elsewhere. */
  private async findAlike(mailbox: Mailbox, messages: readonly Message[]): Promise<readonly MessageId[]> {
    if (messages.length === 0) return [];
    const identities = messages.map(({ envelope, internalDate }) => ({ messageId: envelope.messageId, internalDate }));
    const refs = await this.mirror.write(mailbox.accountId, (tx) => tx.findPlaced(identities));
    const contents = new Set(messages.map((message) => contentOf({ ...message, ...message.envelope })));
    return refs.filter((ref) => ref.mailboxId === mailbox.id && contents.has(contentOf(ref))).map(({ id }) => id);
  }

  private async result(ids: readonly MessageId[], failures: readonly MessageFailure[]): Promise<MessagesResult> {
    const failed = new Set(failures.map(({ id }) => id));
    const messages = await this.mirror.findMessages(ids.filter((id) => !failed.has(id)));
    const order = new Map(ids.map((id, i) => [id, i]));
    return { messages: [...messages].sort((a, b) => order.get(a.id)! - order.get(b.id)!), failures };
  }
}

const deadline = (): AbortSignal => AbortSignal.timeout(commandDeadlineMs);

/** A copy keeps these (RFC 9051 section 6.4.7). */
const contentOf = ({
  messageId,
  sizeBytes,
  internalDate,
}: Pick<MirroredRef, 'messageId' | 'sizeBytes' | 'internalDate'>) =>
  JSON.stringify([messageId, sizeBytes, internalDate.getTime()]);

/** By now the name may be another mailbox's (RFC 9051 section 2.3.1.1): then only reading tells where the message is. */
const placeIn = ({ checkpoint }: Mailbox, remote: RemoteRef | undefined): RemoteRef | undefined =>
  checkpoint === undefined || checkpoint.uidValidity === remote?.uidValidity ? remote : undefined;

const movedMeanwhile = (): MailError =>
  new MailError('CONFLICT', 'the message was moved or deleted meanwhile: read it again', { retryable: true });

function sameAccount(from: Mailbox, to: Mailbox): void {
  if (from.accountId !== to.accountId) {
    throw invalidInput(['input', 'mailboxId'], 'the mailbox belongs to another account than the message');
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { maySee, requireAccount, requireScope, type Principal } from '../auth/principal.js';
import { sleep } from '../common/sleep.js';
import { invalidInput, MailError, notFound } from '../mailbox/mailbox.errors.js';
import type { Change, ChangeType } from '../mailbox/model/change.js';
import { changePosition, type AccountId, type ChangePosition } from '../mailbox/model/ids.js';
import type { SyncProgress } from '../mailbox/model/mailbox.js';
import { sumProgress } from '../mailbox/model/sync-progress.js';
import { MIRROR_STORE, type MirrorStore } from '../store/mirror.port.js';
import { ChangeFeed } from './change-feed.js';
import { ChangeLogRepository, type LogExtent } from './change-log.repository.js';
import { Dirty } from './dirty.js';
import { patiently } from './patiently.js';

export interface ChangePage {
  readonly changes: readonly Change[];
  /** Resume from here. */
  readonly position: ChangePosition;
  readonly hasMore: boolean;
}

export interface ResumePoint {
  readonly accountId: AccountId;
  readonly position: ChangePosition;
}

export interface ChangeSelection {
  /** All the caller may see when absent, those added later too. */
  readonly accountIds?: readonly AccountId[];
  readonly since?: readonly ResumePoint[];
  readonly types?: readonly ChangeType[];
}

const progressIntervalMs = 500;

/** Reads the change logs: once, or for as long as a client listens. */
@Injectable()
export class EventService {
  constructor(
    @Inject(ChangeFeed) private readonly feed: ChangeFeed,
    @Inject(ChangeLogRepository) private readonly log: ChangeLogRepository,
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
  ) {}

  /** @throws MailError CURSOR_EXPIRED when the log no longer reaches back to `since` */
  async readChanges(ctx: Principal, accountId: AccountId, since: ChangePosition, first: number): Promise<ChangePage> {
    requireScope(ctx, 'READ');
    requireAccount(ctx, accountId);
    const [extent] = await this.log.extents([accountId]);
    if (!extent) throw notFound('account');
    checkReach(extent, since);
    const rows = await this.log.read(accountId, since, first + 1);
    const changes = rows.slice(0, first);
    checkNoGap(since, changes);
    return { changes, position: changes.at(-1)?.position ?? since, hasMore: rows.length > first };
  }

  /**
   * Every change from each resume point (or from now), in order for each account, without gap, until `signal` aborts.
   * @throws MailError CURSOR_EXPIRED, NOT_FOUND, INVALID_INPUT
   */
  async *changes(ctx: Principal, selection: ChangeSelection, signal: AbortSignal): AsyncGenerator<Change> {
    requireScope(ctx, 'READ');
    selection.accountIds?.forEach((id) => requireAccount(ctx, id));
    const wanted = (id: AccountId): boolean => maySee(ctx, id) && (selection.accountIds?.includes(id) ?? true);
    const dirty = new Dirty<AccountId>();
    // Listen first, then look where the logs stand: nothing can happen between the two.
    const end = this.feed.onWake((id) => (id === undefined ? dirty.addUnknown() : wanted(id) && dirty.add(id)));
    try {
      const cursors = await this.startingPoints(wanted, selection);
      for (const id of selection.since?.map(({ accountId }) => accountId) ?? []) dirty.add(id);
      while (await dirty.wait(signal)) {
        if (dirty.takeUnknown()) await patiently(() => this.addKnown(dirty, wanted), signal);
        yield* this.drain(dirty, cursors, selection.types, signal);
      }
    } finally {
      end();
    }
  }

  private async startingPoints(
    wanted: (id: AccountId) => boolean,
    { accountIds, since = [] }: ChangeSelection,
  ): Promise<Map<AccountId, ChangePosition>> {
    const extents = (await this.log.extents()).filter(({ accountId }) => wanted(accountId));
    const cursors = new Map(extents.map(({ accountId, newest }) => [accountId, newest]));
    if (accountIds?.some((id) => !cursors.has(id))) throw notFound('account');
    for (const { accountId, position } of since) {
      const extent = extents.find((candidate) => candidate.accountId === accountId);
      if (!extent) throw notFound('account');
      checkReach(extent, position);
      cursors.set(accountId, position);
    }
    return cursors;
  }

  private async addKnown(dirty: Dirty<AccountId>, wanted: (id: AccountId) => boolean): Promise<void> {
    for (const { accountId } of await this.log.extents()) if (wanted(accountId)) dirty.add(accountId);
  }

  private async *drain(
    dirty: Dirty<AccountId>,
    cursors: Map<AccountId, ChangePosition>,
    types: readonly ChangeType[] | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Change> {
    for (let id = dirty.take(); id !== undefined; id = dirty.take()) {
      // An account that was added after this subscription began is new from its first change.
      const after = cursors.get(id) ?? changePosition(0);
      const { changes, more } = await patiently(() => this.feed.page(id, after), signal);
      checkNoGap(after, changes);
      if (more) dirty.add(id);
      for (const change of changes) {
        cursors.set(id, change.position);
        if (types?.includes(change.type) ?? true) yield change;
      }
    }
  }

  /** Progress now and whenever it moves, at most twice a second. */
  async *progress(ctx: Principal, accountId: AccountId, signal: AbortSignal): AsyncGenerator<SyncProgress> {
    requireScope(ctx, 'READ');
    requireAccount(ctx, accountId);
    const dirty = new Dirty<AccountId>();
    const end = this.feed.onWake((id) => (id === undefined || id === accountId) && dirty.add(accountId));
    try {
      if ((await this.log.extents([accountId])).length === 0) throw notFound('account');
      dirty.add(accountId);
      let last = '';
      while (await dirty.wait(signal)) {
        dirty.take();
        const progress = sumProgress(await patiently(() => this.mirror.mailboxesOf([accountId]), signal));
        const { lastSyncAt: _, ...shown } = progress;
        if (JSON.stringify(shown) !== last) yield progress;
        last = JSON.stringify(shown);
        await sleep(progressIntervalMs, signal);
      }
    } finally {
      end();
    }
  }
}

function checkReach({ trimmedTo, newest }: LogExtent, since: ChangePosition): void {
  if (since < trimmedTo) throw expired();
  if (since > newest)
    throw invalidInput(['since'], 'this cursor is ahead of the change log: it was not given out by this gateway');
}

/** Positions have no gaps, so one here means that the log was trimmed while the reader was behind. */
function checkNoGap(after: ChangePosition, changes: readonly Change[]): void {
  if (changes[0] && changes[0].position !== after + 1n) throw expired();
}

const expired = (): MailError =>
  new MailError(
    'CURSOR_EXPIRED',
    'the change log no longer reaches back to this cursor: list again, then resume from `Account.changeCursor`',
  );

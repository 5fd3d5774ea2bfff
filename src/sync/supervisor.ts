import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ACCOUNT_CHANNEL } from '../accounts/account-channel.js';
import type { AccountLifecycle } from '../accounts/account-lifecycle.port.js';
import { sleep } from '../common/sleep.js';
import type { Keeper } from '../mailbox/keeper.port.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import type { KeeperProvider } from '../mailbox/keeper-provider.port.js';
import { MailError, notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId } from '../mailbox/model/ids.js';
import { MIRROR_STORE, type MirrorStore } from '../store/mirror.port.js';
import { Notifications } from '../store/notifications.js';
import { AccountLeases } from './account-leases.js';
import { InstanceLease } from './instance-lease.js';
import { InstanceSession } from './instance-session.js';
import { Keepers } from './keepers.js';
import { MailboxSynchroniser } from './mailbox-synchroniser.js';
import { SYNC_CHANNEL, SyncRequests } from './sync-requests.js';
import { WatchedAccounts } from './watched-accounts.js';

/** How soon accounts of an instance whose lease has run out are found, and what no notification told of. */
const reviewEveryMs = 1_500;
/** How long a caller waits for another instance to leave an account that was paused; writes of a late one are refused anyway. */
const leaveDeadlineMs = 5_000;
const leaveLookMs = 50;
const syncDeadlineMs = 10 * 60_000;

/** Runs every account that this instance holds the lease of, and gives keepers to commands for any account. */
@Injectable()
export class Supervisor
  implements
    KeeperProvider,
    AccountLifecycle,
    OnModuleInit,
    OnApplicationBootstrap,
    OnModuleDestroy,
    BeforeApplicationShutdown,
    OnApplicationShutdown
{
  private readonly log = new Logger(Supervisor.name);
  private readonly shutdown = new AbortController();
  private resting = new AbortController();
  private reviewing: Promise<void> = Promise.resolve();
  private leaving: Promise<void> = Promise.resolve();

  constructor(
    private readonly session: InstanceSession,
    private readonly instance: InstanceLease,
    private readonly leases: AccountLeases,
    private readonly watched: WatchedAccounts,
    private readonly requests: SyncRequests,
    private readonly notifications: Notifications,
    private readonly keepers: Keepers,
    private readonly synchroniser: MailboxSynchroniser,
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
  ) {}

  onModuleInit(): void {
    this.notifications.on(ACCOUNT_CHANNEL, (id) => {
      if (id === undefined) this.reviewNow();
      else this.watched.tendSoon(id as AccountId);
    });
    this.notifications.on(SYNC_CHANNEL, () => void this.answerRequests());
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.instance.start(() => void this.watched.letGoOfAll());
    this.reviewing = this.reviewAgainAndAgain();
  }

  /** Begins to leave; others take the accounts over while streams are still being closed here. */
  onModuleDestroy(): void {
    this.leaving = this.leave();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.leaving;
  }

  /** After the last request. */
  async onApplicationShutdown(): Promise<void> {
    await this.keepers.closeAll();
    await this.instance.giveBack();
    await this.session.close();
  }

  // ---------------------------------------------------------------- accounts come, change and go

  async started(id: AccountId): Promise<void> {
    await this.watched.tend(id);
  }

  /** Whoever else works on it hears of it by the notification that came with the change. */
  async changed(id: AccountId): Promise<void> {
    await this.watched.tend(id);
    await this.untilLeft(id);
  }

  async stopping(id: AccountId): Promise<void> {
    await this.changed(id);
  }

  /** A paused account is quiet when its owner has let go of it. */
  private async untilLeft(id: AccountId): Promise<void> {
    const deadline = AbortSignal.timeout(leaveDeadlineMs);
    while (!deadline.aborted) {
      const claim = await this.leases.find(id);
      if (!claim?.paused || claim.owner !== 'other') return;
      await sleep(leaveLookMs, deadline);
    }
    this.log.warn({ accountId: id }, 'the instance that watches this account has not left it in time');
  }

  // ---------------------------------------------------------------- for commands

  async keeperOf(accountId: AccountId): Promise<Keeper> {
    const account = await this.keepers.accountOf(accountId);
    const keeper = await this.keepers.open(account);
    if (account.status.state === 'PAUSED' && keeper.storage === 'SERVER') throw paused();
    return keeper;
  }

  async refreshMailbox(mailboxId: MailboxId, signal: AbortSignal): Promise<void> {
    const [mailbox] = await this.mirror.findMailboxes([mailboxId]);
    if (!mailbox) throw notFound('mailbox');
    const keeper = await this.keeperOf(mailbox.accountId);
    if (keeper.storage === 'SERVER') await this.synchroniser.synchronise(keeper, mailboxId, {}, signal);
  }

  async refreshMailboxList(accountId: AccountId, signal: AbortSignal): Promise<void> {
    const keeper = await this.keeperOf(accountId);
    if (keeper.storage === 'SERVER') await this.synchroniser.synchroniseList(keeper, accountId, {}, signal);
  }

  async syncNow(accountId: AccountId, signal: AbortSignal): Promise<PollResult | undefined> {
    const account = await this.keepers.accountOf(accountId);
    if (account.status.state === 'PAUSED') throw paused();
    await this.watched.tend(accountId);
    return this.watched.get(accountId)?.syncNow(signal) ?? this.requests.ask(accountId, signal);
  }

  // ---------------------------------------------------------------- looking after accounts

  private async reviewAgainAndAgain(): Promise<void> {
    const { signal } = this.shutdown;
    while (!signal.aborted) {
      this.resting = new AbortController();
      try {
        await this.watched.review();
        await this.answerRequests();
      } catch (error) {
        this.log.warn({ reason: String(error) }, 'accounts could not be looked after; tried again');
      }
      const pauseMs = reviewEveryMs * (0.75 + Math.random() / 2);
      await sleep(pauseMs, signal, this.resting.signal);
    }
  }

  private reviewNow(): void {
    this.resting.abort();
  }

  private async answerRequests(): Promise<void> {
    try {
      await this.requests.answer({
        watches: (id) => this.watched.get(id) !== undefined,
        syncNow: async (id) => this.watched.get(id)?.syncNow(AbortSignal.timeout(syncDeadlineMs)),
      });
    } catch (error) {
      this.log.warn({ reason: String(error) }, 'requests of other instances could not be read');
    }
  }

  private async leave(): Promise<void> {
    this.shutdown.abort();
    await this.reviewing;
    await this.watched.stop();
  }
}

const paused = (): MailError => new MailError('CONFLICT', 'the account is paused: resume it first');

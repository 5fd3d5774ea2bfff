import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { AccountLifecycle } from '../accounts/account-lifecycle.port.js';
import { sleep } from '../common/sleep.js';
import { KeyedMutex } from '../common/keyed-mutex.js';
import type { Keeper } from '../mailbox/keeper.port.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import type { KeeperProvider } from '../mailbox/keeper-provider.port.js';
import { MailError, notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId } from '../mailbox/model/ids.js';
import { MIRROR_STORE, type MirrorStore } from '../store/mirror.port.js';
import { AccountLeases } from './account-leases.js';
import { AccountRuntime } from './account-runtime.js';
import { Keepers } from './keepers.js';
import { MailboxSynchroniser } from './mailbox-synchroniser.js';
import { RuntimeFactory } from './runtime-factory.js';

/** How soon an account whose instance has died is taken over. */
const takeOverMs = 5_000;

/** Runs every account that this instance holds the lease of, and gives keepers to commands for any account. */
@Injectable()
export class Supervisor implements KeeperProvider, AccountLifecycle, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(Supervisor.name);
  private readonly runtimes = new Map<AccountId, AccountRuntime>();
  private readonly changes = new KeyedMutex<AccountId>();
  private readonly shutdown = new AbortController();
  private watching: Promise<void> = Promise.resolve();

  constructor(
    private readonly leases: AccountLeases,
    private readonly keepers: Keepers,
    private readonly factory: RuntimeFactory,
    private readonly synchroniser: MailboxSynchroniser,
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
  ) {}

  onApplicationBootstrap(): void {
    this.watching = this.watch();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.shutdown.abort();
    await this.watching;
    await this.stopAll();
    await this.leases.close();
  }

  // ---------------------------------------------------------------- accounts come, change and go

  async started(id: AccountId): Promise<void> {
    await this.ensure(id);
  }

  async changed(id: AccountId): Promise<void> {
    await this.stop(id);
    await this.ensure(id);
  }

  async stopping(id: AccountId): Promise<void> {
    await this.stop(id);
  }

  // ---------------------------------------------------------------- for commands

  async keeperOf(accountId: AccountId): Promise<Keeper> {
    const account = await this.keepers.accountOf(accountId);
    const keeper = await this.keepers.open(account);
    if (account.status.state === 'PAUSED' && keeper.storage === 'SERVER') {
      throw new MailError('CONFLICT', 'the account is paused: resume it first');
    }
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
    if (account.status.state === 'PAUSED') throw new MailError('CONFLICT', 'the account is paused: resume it first');
    await this.ensure(accountId);
    const runtime = this.runtimes.get(accountId);
    if (!runtime) {
      throw new MailError('CONFLICT', 'another instance of the gateway is looking after this account', {
        retryable: true,
      });
    }
    return runtime.syncNow(signal);
  }

  // ---------------------------------------------------------------- leases

  private async watch(): Promise<void> {
    const { signal } = this.shutdown;
    while (!signal.aborted) {
      try {
        if (!this.leases.isOpen) await this.leases.open(() => void this.stopAll());
        for (const account of await this.keepers.accounts()) {
          if (!signal.aborted) await this.ensure(account.id);
        }
      } catch (error) {
        this.log.warn({ reason: String(error) }, 'accounts could not be looked after; tried again');
      }
      await sleep(takeOverMs * (0.75 + Math.random() / 2), signal);
    }
  }

  /** Starts the account here, unless it runs, is paused, or another instance has it. */
  private async ensure(id: AccountId): Promise<void> {
    await this.changes.run(id, async () => {
      if (this.runtimes.has(id) || this.shutdown.signal.aborted || !this.leases.isOpen) return;
      const account = await this.keepers.findAccount(id);
      if (!account || account.status.state === 'PAUSED') return;
      const epoch = await this.leases.acquire(id);
      if (epoch === undefined) return;
      this.runtimes.set(id, await this.factory.start(account, epoch, () => this.dropLost(id)));
    });
  }

  private dropLost(id: AccountId): void {
    this.log.warn({ accountId: id }, 'another instance has taken the account over');
    this.stop(id).catch((error: unknown) =>
      this.log.warn({ accountId: id, reason: String(error) }, 'lease not released'),
    );
  }

  private async stop(id: AccountId): Promise<void> {
    await this.changes.run(id, async () => {
      const runtime = this.runtimes.get(id);
      this.runtimes.delete(id);
      await runtime?.stop();
      await this.keepers.close(id);
      if (runtime) await this.leases.release(id);
    });
  }

  private async stopAll(): Promise<void> {
    await Promise.all([...this.runtimes.keys()].map((id) => this.stop(id)));
    await this.keepers.closeAll();
  }
}

import { Injectable, Logger } from '@nestjs/common';
import { KeyedMutex } from '../common/keyed-mutex.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { AccountShares } from './account-shares.js';
import { AccountLeases, type Claim, type Lease } from './account-leases.js';
import type { AccountRuntime } from './account-runtime.js';
import { InstanceLease } from './instance-lease.js';
import { Keepers } from './keepers.js';
import { RuntimeFactory } from './runtime-factory.js';

interface Watched {
  readonly lease: Lease;
  readonly runtime: AccountRuntime;
}

/** Accounts begun or ended at the same time: a thousand that become free at once are taken up in turn. */
const atOnce = 16;

/** The accounts that this instance watches: each is taken up, begun anew or let go of as its row in the database says. */
@Injectable()
export class WatchedAccounts {
  private readonly log = new Logger(WatchedAccounts.name);
  private readonly watched = new Map<AccountId, Watched>();
  private readonly changes = new KeyedMutex<AccountId>();
  private readonly waiting = new Set<AccountId>();
  private busy = 0;
  private stopping = false;

  constructor(
    private readonly leases: AccountLeases,
    private readonly instance: InstanceLease,
    private readonly keepers: Keepers,
    private readonly factory: RuntimeFactory,
    private readonly shares: AccountShares,
  ) {}

  get(id: AccountId): AccountRuntime | undefined {
    return this.watched.get(id)?.runtime;
  }

  /** Compares everything with the database: what no notification told of is found here. */
  async review(): Promise<void> {
    const claims = await this.leases.mineAndFree();
    const mine = new Set(claims.filter(({ owner }) => owner === 'me').map(({ accountId }) => accountId));
    for (const claim of claims) if (!this.isAsItShould(claim)) this.tendSoon(claim.accountId);
    for (const id of this.watched.keys()) if (!mine.has(id)) this.tendSoon(id);
  }

  tendSoon(id: AccountId): void {
    this.waiting.add(id);
    while (this.busy < atOnce && this.waiting.size > 0) void this.tendWaiting();
  }

  /** Resolves when what runs here is what the database says. */
  async tend(id: AccountId): Promise<void> {
    await this.changes.run(id, async () => {
      if (this.stopping) return;
      const claim = await this.leases.find(id);
      const watched = this.watched.get(id);
      if (watched && !isCurrent(watched, claim)) await this.end(id, watched);
      await this.keepers.closeOutdated(id, claim?.version);
      if (claim?.paused && watched) await this.leases.release(id, watched.lease);
      else if (claim && !this.watched.has(id)) await this.takeUp(claim);
    });
  }

  /** At once, and without giving anything back: this instance's time is over. */
  async letGoOfAll(): Promise<void> {
    await this.forEach((id, watched) => this.end(id, watched));
  }

  /** Each account is free for others as soon as its connections are closed. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.forEach(async (id, watched) => {
      await this.end(id, watched);
      await this.leases.release(id, watched.lease);
    });
  }

  private async takeUp({ accountId: id, paused, owner }: Claim): Promise<void> {
    if (paused || owner === 'other' || !this.instance.isValid) return;
    const lease = await this.leases.acquire(id);
    // Read after the lease was taken: at least as new as the version that the lease names.
    const account = lease && (await this.keepers.findAccount(id));
    if (!account) return;
    this.shares.setOwned(id, true);
    const runtime = await this.factory.start(account, lease.epoch, () => this.lost(id));
    this.watched.set(id, { lease, runtime });
    if (!this.instance.isValid) await this.end(id, { lease, runtime });
  }

  private isAsItShould(claim: Claim): boolean {
    const watched = this.watched.get(claim.accountId);
    return watched ? isCurrent(watched, claim) : claim.paused;
  }

  /** The runtime has ended by itself. Where the account is this instance's nevertheless, the next review takes it up again. */
  private lost(id: AccountId): void {
    this.log.warn({ accountId: id }, 'another instance has taken the account over');
    this.changes
      .run(id, async () => {
        const watched = this.watched.get(id);
        if (watched) await this.end(id, watched);
      })
      .catch((error: unknown) => this.log.warn({ accountId: id, reason: String(error) }, 'account not left'));
  }

  private async end(id: AccountId, { runtime }: Watched): Promise<void> {
    this.watched.delete(id);
    await runtime.stop();
    await this.keepers.close(id);
    this.shares.setOwned(id, false);
  }

  private async forEach(work: (id: AccountId, watched: Watched) => Promise<void>): Promise<void> {
    const all = [...this.watched.keys()].map((id) =>
      this.changes.run(id, async () => {
        const watched = this.watched.get(id);
        if (watched) await work(id, watched);
      }),
    );
    for (const result of await Promise.allSettled(all)) {
      if (result.status === 'rejected') this.log.warn({ reason: String(result.reason) }, 'account not left');
    }
  }

  private async tendWaiting(): Promise<void> {
    const [id] = this.waiting;
    if (id === undefined) return;
    this.waiting.delete(id);
    this.busy += 1;
    try {
      await this.tend(id);
    } catch (error) {
      this.log.warn({ accountId: id, reason: String(error) }, 'account could not be looked after; tried again');
    }
    this.busy -= 1;
    if (this.waiting.size > 0) void this.tendWaiting();
  }
}

const isCurrent = ({ lease }: Watched, claim: Claim | undefined): boolean =>
  claim?.owner === 'me' && !claim.paused && claim.version === lease.version;

import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Change } from '../mailbox/model/change.js';
import type { AccountId, ChangePosition } from '../mailbox/model/ids.js';
import { CHANGE_CHANNEL } from '../store/change-writer.js';
import { Notifications } from '../store/notifications.js';
import { ChangeLogRepository } from './change-log.repository.js';

/** Called with the account that has news, or with undefined when anything may have happened (the listener was away). */
export type WakeListener = (accountId: AccountId | undefined) => void;

const pageSize = 200;
const maxCachedPages = 1000;

/**
 * Tells this instance's subscriptions when an account's log has grown, and reads the log for them. Subscriptions pull: a slow
 * one lags behind in the log and costs no memory. Those that stand at the same place share one read.
 */
@Injectable()
export class ChangeFeed implements OnModuleInit {
  private readonly listeners = new Set<WakeListener>();
  private readonly newest = new Map<AccountId, bigint>();
  private readonly pages = new Map<string, Promise<readonly Change[]>>();

  constructor(
    @Inject(Notifications) private readonly notifications: Notifications,
    @Inject(ChangeLogRepository) private readonly changes: ChangeLogRepository,
  ) {}

  onModuleInit(): void {
    this.notifications.on(CHANGE_CHANNEL, (payload) => this.heard(payload));
  }

  /** @returns a function that ends it */
  onWake(listener: WakeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Changes right after a position, oldest first; `more` where the log is known to go on. */
  async page(accountId: AccountId, after: ChangePosition): Promise<{ changes: readonly Change[]; more: boolean }> {
    const changes = await (this.pages.get(`${accountId}:${after}`) ?? this.readPage(accountId, after));
    const reached = changes.at(-1)?.position ?? after;
    return { changes, more: changes.length === pageSize || reached < (this.newest.get(accountId) ?? 0n) };
  }

  private readPage(accountId: AccountId, after: ChangePosition): Promise<readonly Change[]> {
    const key = `${accountId}:${after}`;
    const pending = this.changes.read(accountId, after, pageSize);
    this.pages.set(key, pending);
    // An empty page is true only now; anything else stays true for ever, and is kept for those who come a moment later.
    pending.then(
      (changes) => changes.length === 0 && this.pages.delete(key),
      () => this.pages.delete(key),
    );
    if (this.pages.size > maxCachedPages) this.pages.delete(this.pages.keys().next().value!);
    return pending;
  }

  /** @param payload `accountId:position` as `store/change-writer.ts` sends it */
  private heard(payload: string | undefined): void {
    if (payload === undefined) {
      // A read that is under way may be older than what was missed.
      this.pages.clear();
      return this.wake(undefined);
    }
    const [accountId, position] = payload.split(':') as [AccountId, string | undefined];
    if (position !== undefined) this.newest.set(accountId, BigInt(position));
    this.wake(accountId);
  }

  private wake(accountId: AccountId | undefined): void {
    for (const listener of this.listeners) listener(accountId);
  }
}

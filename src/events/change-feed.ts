import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type pg from 'pg';
import { backoffMs } from '../common/backoff.js';
import { sleep } from '../common/sleep.js';
import type { Change } from '../mailbox/model/change.js';
import type { AccountId, ChangePosition } from '../mailbox/model/ids.js';
import { CHANGE_CHANNEL } from '../store/change-writer.js';
import { SessionClients } from '../store/session-client.js';
import { ChangeLogRepository } from './change-log.repository.js';

/** Called with the account that has news, or with undefined when anything may have happened (the listener was away). */
export type WakeListener = (accountId: AccountId | undefined) => void;

const reconnect = { firstMs: 200, maxMs: 10_000 };
const heartbeatMs = 15_000;
const heartbeatDeadlineMs = 5_000;
const pageSize = 200;
const maxCachedPages = 1000;

/**
 * Tells this instance's subscriptions when an account's log has grown, and reads the log for them. Subscriptions pull: a slow
 * one lags behind in the log and costs no memory. Those that stand at the same place share one read.
 */
@Injectable()
export class ChangeFeed implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger(ChangeFeed.name);
  private readonly listeners = new Set<WakeListener>();
  private readonly newest = new Map<AccountId, bigint>();
  private readonly pages = new Map<string, Promise<readonly Change[]>>();
  private readonly stopping = new AbortController();
  private listening: Promise<void> = Promise.resolve();

  constructor(
    @Inject(SessionClients) private readonly sessions: SessionClients,
    @Inject(ChangeLogRepository) private readonly changes: ChangeLogRepository,
  ) {}

  onModuleInit(): void {
    this.listening = this.listen();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.listening;
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
    const [accountId, position] = (payload ?? '').split(':') as [AccountId, string | undefined];
    if (position !== undefined) this.newest.set(accountId, BigInt(position));
    this.wake(accountId);
  }

  private wake(accountId: AccountId | undefined): void {
    for (const listener of this.listeners) listener(accountId);
  }

  private async listen(): Promise<void> {
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.listenOnce(() => (failures = 0), signal);
      } catch (error) {
        failures += 1;
        if (!signal.aborted)
          this.log.warn({ failures, reason: String(error) }, 'change feed lost its database session');
      }
      await sleep(backoffMs(reconnect, failures), signal);
    }
  }

  /** Until the session is lost or the gateway stops. */
  private async listenOnce(onReady: () => void, signal: AbortSignal): Promise<void> {
    const lost = new AbortController();
    const client = await this.sessions.open('mailroom feed', () => lost.abort());
    try {
      client.on('notification', ({ payload }) => this.heard(payload));
      await client.query(`LISTEN ${CHANGE_CHANNEL}`);
      onReady();
      this.wake(undefined);
      await this.heartbeat(client, AbortSignal.any([signal, lost.signal]));
      if (!signal.aborted) throw new Error('session lost');
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private async heartbeat(client: pg.Client, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(heartbeatMs, signal);
      if (signal.aborted) return;
      // `query_timeout` is pg's own deadline; its types leave it out of QueryConfig.
      await client.query({ text: 'SELECT 1', query_timeout: heartbeatDeadlineMs } as pg.QueryConfig);
    }
  }
}

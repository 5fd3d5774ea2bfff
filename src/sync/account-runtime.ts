import { Logger } from '@nestjs/common';
import { LinkedAbort } from '../common/linked-abort.js';
import { sleep } from '../common/sleep.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import { isDatabaseAway } from '../store/database-away.js';
import type { AccountRunner } from './account-runner.js';
import { isAlarming, retryDelayMs, type Manner } from './retry-policy.js';

/** A session that lasted this long was a good one: the next failure is a first one again. */
const goodSessionMs = 60_000;
const databaseRestMs = 1_000;
/** Of a server that lets us in and does what it is asked: then it is the line that breaks, and nobody is spared by long waits. */
const mostFailuresWhileServed = 5;

export interface RuntimeEvents {
  connecting(): Promise<void>;
  failed(error: MailError, nextAttemptAt?: Date): Promise<void>;
  /** As `failed`, for what is no reason to worry anybody. */
  postponed(error: MailError, nextAttemptAt: Date): Promise<void>;
  /** The account is another instance's now: nothing more is done here, its status least of all. */
  leaseLost(): void;
}

interface Trouble {
  /** In a row. */
  readonly failures: number;
  readonly sinceMs: number;
}

/** Runs one account on this instance: again and again, with growing delays, until it is stopped. */
export class AccountRuntime {
  private static readonly log = new Logger(AccountRuntime.name);
  private readonly stopping = new AbortController();
  private waiting: AbortController | undefined;
  private trouble: Trouble = { failures: 0, sinceMs: 0 };
  private readonly ended: Promise<void>;

  constructor(
    private readonly accountId: AccountId,
    private readonly runner: AccountRunner,
    private readonly events: RuntimeEvents,
  ) {
    this.ended = this.loop();
  }

  /** Ends the wait for the next attempt, if it is waiting. */
  retryNow(): void {
    this.waiting?.abort();
  }

  async syncNow(signal: AbortSignal): Promise<PollResult | undefined> {
    const either = new LinkedAbort(this.stopping.signal, signal);
    try {
      const result = await this.runner.syncNow(either.signal);
      this.retryNow();
      return result ?? undefined;
    } catch (error) {
      const { signal: stopped } = this.stopping;
      if (isMailError(error) && !stopped.aborted && this.isAlarming(error)) await this.events.failed(error);
      throw error;
    } finally {
      either.unlink();
    }
  }

  /** Resolves when nothing of the account runs here any more. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }

  private async loop(): Promise<void> {
    const { signal } = this.stopping;
    let worried = true;
    while (!signal.aborted) {
      const startedMs = Date.now();
      try {
        if (worried) await this.events.connecting();
        await this.runner.run(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isMailError(error) && error.code === 'CONFLICT') return this.events.leaseLost();
        if (isDatabaseAway(error)) {
          worried = false;
          await this.restForDatabase(error);
          continue;
        }
        this.count(startedMs);
        worried = this.isAlarming(error);
        await this.rest(error, worried);
      }
    }
  }

  private get manner(): Manner {
    return this.runner.visits ? 'visiting' : 'watching';
  }

  private count(startedMs: number): void {
    const { failures, sinceMs } = this.trouble;
    const { visits, service } = this.runner;
    const most = service && service.lastDoneMs >= startedMs ? mostFailuresWhileServed : Infinity;
    const wasGood = visits ? visits.lastProgressMs >= startedMs : Date.now() - startedMs > goodSessionMs;
    this.trouble =
      failures === 0 || wasGood
        ? { failures: 1, sinceMs: Date.now() }
        : { failures: Math.min(failures + 1, most), sinceMs };
  }

  private isAlarming(error: unknown): boolean {
    const { failures, sinceMs } = this.trouble;
    return isAlarming(error, failures === 0 ? 0 : Date.now() - sinceMs, this.manner);
  }

  /** No failure of the account's, so its status stays: lists are as old as they were. */
  private async restForDatabase(error: unknown): Promise<void> {
    AccountRuntime.log.warn(
      { accountId: this.accountId, reason: reasonOf(error) },
      'database away; account tried again',
    );
    await sleep(databaseRestMs * (0.5 + Math.random()), this.stopping.signal);
  }

  /** Waits as long as the failure asks for, or until somebody wants it now. */
  private async rest(error: unknown, worried: boolean): Promise<void> {
    const { failures } = this.trouble;
    const delayMs = retryDelayMs(error, failures, this.manner);
    this.waiting = new AbortController();
    const known = isMailError(error)
      ? error
      : new MailError('INTERNAL', 'a fault of the gateway; see its log', { cause: error });
    const level = known.code === 'INTERNAL' ? 'error' : worried ? 'warn' : 'log';
    AccountRuntime.log[level](
      { accountId: this.accountId, code: known.code, failures, delayMs, reason: reasonOf(error) },
      worried ? 'account failed' : 'account postponed',
    );
    try {
      await this.events[worried ? 'failed' : 'postponed'](known, new Date(Date.now() + delayMs));
    } catch (statusError) {
      AccountRuntime.log.warn(
        { accountId: this.accountId, reason: reasonOf(statusError) },
        'account status could not be written',
      );
    }
    await sleep(delayMs, this.waiting.signal, this.stopping.signal);
    this.waiting = undefined;
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

import type { PollResult } from '../mailbox/model/poll-result.js';

export type RunnerEvent = 'synchronising' | 'succeeded';

/** Tells the account's status; repeats cost nothing. */
export type StatusReporter = (event: RunnerEvent) => Promise<void>;

/** What keeps one account's mirror true while this instance owns it. */
export interface AccountRunner {
  /** Of one that comes and goes; absent: it holds its connections. Milliseconds since the epoch, 0 before the first. */
  readonly visits?: { readonly lastProgressMs: number };
  /** Of one that holds its connections: when all that was asked of the server was last done. Milliseconds since the epoch, or 0. */
  readonly service?: { readonly lastDoneMs: number };
  /** Until something fails, which it throws, or `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Looks for news at once. */
  syncNow(signal: AbortSignal): Promise<PollResult | void>;
}

import { backoffMs, type BackoffPolicy } from '../common/backoff.js';
import { isMailError, type MailError } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** How a mirror is kept true: by connections that stay, or by visits now and then. */
export type Manner = 'watching' | 'visiting';

const DEFAULT: BackoffPolicy = { firstMs: second, maxMs: 5 * minute };

/** Where trying often would do harm (lock-outs) or no good (a person must act). */
const WATCHING: Partial<Record<ErrorCode, BackoffPolicy>> = {
  AUTHENTICATION_FAILED: { firstMs: 15 * minute, maxMs: 6 * hour },
  TLS_FAILED: { firstMs: 5 * minute, maxMs: hour },
  HOST_FORBIDDEN: { firstMs: hour, maxMs: hour },
  MAILDROP_LOCKED: { firstMs: minute, maxMs: 10 * minute },
  RATE_LIMITED: { firstMs: minute, maxMs: hour },
  SERVER_REJECTED: { firstMs: minute, maxMs: hour },
};

/** In minutes, before the second attempt, the third …; the last one stays. */
type Steps = readonly [number, ...number[]];

const toAnHour: Steps = [1, 2, 4, 8, 16, 32, 60];
const oneToSixHours: Steps = [60, 120, 240, 360];

/**
 * Visits. Their servers count sign-ins, and lock a maildrop for minutes after a session that broke, so that nothing that is the
 * server's side is tried again within a minute.
 */
const VISITING: Partial<Record<ErrorCode, Steps>> = {
  MAILDROP_LOCKED: [1, 2, 5, 10],
  AUTHENTICATION_FAILED: [60, 120, 240, 480, 960, 1440],
  HOST_FORBIDDEN: [60],
  UNSUPPORTED: oneToSixHours,
  CONNECTION_FAILED: toAnHour,
  TIMEOUT: toAnHour,
  TLS_FAILED: toAnHour,
  SERVER_REJECTED: toAnHour,
  RATE_LIMITED: toAnHour,
  TOO_LARGE: toAnHour,
};

/**
 * @param failures how many attempts in a row have failed, from 1
 * @returns how long to wait before the next attempt; never less than what the server asked for, and growing from there
 */
export function retryDelayMs(error: unknown, failures: number, manner: Manner, random?: () => number): number {
  const known = isMailError(error) ? error : undefined;
  const steps = manner === 'visiting' ? stepsOf(known) : undefined;
  if (steps) return Math.round(stepMs(steps, failures) * (1 + (random ?? Math.random)() / 10));
  const delay = backoffMs((known && WATCHING[known.code]) ?? DEFAULT, failures, random);
  return Math.max(delay, known?.retryAfterMs ?? 0);
}

/** @returns undefined where the trouble is the gateway's own */
function stepsOf(error: MailError | undefined): Steps | undefined {
  if (!error) return undefined;
  const asked = (error.retryAfterMs ?? 0) / minute;
  const steps = certificateRefused(error) ? oneToSixHours : VISITING[error.code];
  if (!steps || asked <= steps[0]) return steps;
  return [asked, 2 * asked, 4 * asked, 6 * asked];
}

/** What is not retryable in TLS is a question of trust: only a person can answer it, and there is no way around it. */
const certificateRefused = ({ code, retryable }: MailError): boolean => code === 'TLS_FAILED' && !retryable;

const stepMs = (steps: Steps, failures: number): number =>
  (steps[Math.min(failures, steps.length) - 1] ?? steps[0]) * minute;

/**
 * A maildrop that somebody else has open, or a server that wants a pause between visits, is everyday life: nobody is alarmed
 * before it has lasted an hour.
 */
export function isAlarming(error: unknown, troubledForMs: number, manner: Manner): boolean {
  const code = isMailError(error) ? error.code : undefined;
  const everyday = manner === 'visiting' && (code === 'MAILDROP_LOCKED' || code === 'RATE_LIMITED');
  return !everyday || troubledForMs >= hour;
}

import { backoffMs, type BackoffPolicy } from '../common/backoff.js';
import { isMailError } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

const DEFAULT: BackoffPolicy = { firstMs: second, maxMs: 5 * minute };

/** Where trying often would do harm (lock-outs) or no good (a person must act). */
const BY_CODE: Partial<Record<ErrorCode, BackoffPolicy>> = {
  AUTHENTICATION_FAILED: { firstMs: 15 * minute, maxMs: 6 * hour },
  TLS_FAILED: { firstMs: 5 * minute, maxMs: hour },
  HOST_FORBIDDEN: { firstMs: hour, maxMs: hour },
  MAILDROP_LOCKED: { firstMs: minute, maxMs: 10 * minute },
  RATE_LIMITED: { firstMs: minute, maxMs: hour },
  SERVER_REJECTED: { firstMs: minute, maxMs: hour },
};

/** @returns how long to wait before the next attempt; never less than what the server asked for */
export function retryDelayMs(error: unknown, failures: number, random?: () => number): number {
  const code = isMailError(error) ? error.code : undefined;
  const delay = backoffMs((code && BY_CODE[code]) ?? DEFAULT, failures, random);
  return Math.max(delay, (isMailError(error) && error.retryAfterMs) || 0);
}

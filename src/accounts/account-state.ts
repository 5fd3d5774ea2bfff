import type { ErrorCode } from '../mailbox/model/error-code.js';
import type { AccountState, AccountStatus } from './account.js';

/** What can happen to an account. */
export type AccountEvent =
  /** Somebody starts to look after it: after the start of an instance, or after the one that did has died. */
  | { readonly kind: 'connecting' }
  /** Signed in, and there is much to read first. */
  | { readonly kind: 'synchronising' }
  /** Everything asked of the server was done. */
  | { readonly kind: 'succeeded' }
  | {
      readonly kind: 'failed';
      readonly error: { readonly code: ErrorCode; readonly message: string };
      readonly nextAttemptAt?: Date;
    }
  /** It could not be done now, as happens, and is tried again: no reason to worry anybody. */
  | {
      readonly kind: 'postponed';
      readonly error: { readonly code: ErrorCode; readonly message: string };
      readonly nextAttemptAt: Date;
    }
  | { readonly kind: 'paused' }
  | { readonly kind: 'resumed' }
  /** Server, user name or credentials are others now: what failed before says nothing any more. */
  | { readonly kind: 'settingsChanged' };

/** `lastSuccessAt` of an account that stays well is written at most this often; `AccountRepository.confirmWell` says the same in SQL. */
export const successStepMs = 30_000;

export const initialStatus = (now: Date): AccountStatus => ({ state: 'CONNECTING', since: now });

/**
 * The account's status after an event. The only place that knows which state follows which.
 * @returns `status` itself where the event changes nothing
 */
export function nextStatus(status: AccountStatus, event: AccountEvent, now: Date): AccountStatus {
  // Whoever pauses an account wants quiet: late news of what was under way is dropped.
  if (status.state === 'PAUSED' && event.kind !== 'resumed') return status;
  switch (event.kind) {
    case 'connecting':
      // A state that says what is wrong stands until something better is known.
      return isAtRest(status) ? moved(status, 'CONNECTING', now) : status;
    case 'synchronising':
      return status.state === 'ONLINE' || status.state === 'SYNCING' ? status : moved(status, 'SYNCING', now);
    case 'succeeded':
      return succeeded(status, now);
    case 'failed':
      return {
        ...moved(status, event.error.code === 'AUTHENTICATION_FAILED' ? 'AUTHENTICATION_FAILED' : 'OFFLINE', now),
        lastError: { code: event.error.code, message: event.error.message, at: now },
        nextAttemptAt: event.nextAttemptAt,
      };
    case 'postponed':
      return {
        ...status,
        lastError: { code: event.error.code, message: event.error.message, at: now },
        nextAttemptAt: event.nextAttemptAt,
      };
    case 'paused':
      return withoutError(moved(status, 'PAUSED', now));
    case 'resumed':
      return status.state === 'PAUSED' ? moved(status, 'CONNECTING', now) : status;
    case 'settingsChanged':
      return withoutError(moved(status, 'CONNECTING', now));
    default:
      return event satisfies never;
  }
}

const isAtRest = ({ state }: AccountStatus): boolean => state === 'ONLINE' || state === 'SYNCING';

function succeeded(status: AccountStatus, now: Date): AccountStatus {
  const { state, lastSuccessAt, lastError } = status;
  if (state === 'ONLINE' && !lastError && lastSuccessAt && now.getTime() - lastSuccessAt.getTime() < successStepMs)
    return status;
  return { ...withoutError(moved(status, 'ONLINE', now)), lastSuccessAt: now };
}

/** Nobody waits for a next attempt any more; `since` says when the state was entered, not when it was last confirmed. */
function moved(status: AccountStatus, state: AccountState, now: Date): AccountStatus {
  return { ...status, state, since: status.state === state ? status.since : now, nextAttemptAt: undefined };
}

const withoutError = (status: AccountStatus): AccountStatus => ({ ...status, lastError: undefined });

/**
 * How an account is watched, besides asking now and then.
 * - NOTIFY: the server tells of every mailbox of the user's (RFC 5465), in IDLE
 * - IDLE: the server tells of INBOX (RFC 2177)
 * - POLL: it is asked
 */
export type WatchMeans = 'NOTIFY' | 'IDLE' | 'POLL';

interface WatchInput {
  readonly idle: boolean;
  readonly notify: boolean;
  /** The server announced it and then said no. */
  readonly idleRefused: boolean;
  readonly notifyRefused: boolean;
}

export function chooseMeans({ idle, notify, idleRefused, notifyRefused }: WatchInput): WatchMeans {
  // Without IDLE a server may hold back what it has to tell until it is asked (RFC 5465 section 4).
  if (!idle || idleRefused) return 'POLL';
  return notify && !notifyRefused ? 'NOTIFY' : 'IDLE';
}

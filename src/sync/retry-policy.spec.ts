import { describe, expect, it } from '@jest/globals';
import { MailError } from '../mailbox/mailbox.errors.js';
import { retryDelayMs } from './retry-policy.js';

const longest = (): number => 1;

describe('retryDelayMs', () => {
  it('comes back within a second or so from a lost connection, and doubles to five minutes', () => {
    const lost = new MailError('CONNECTION_FAILED', 'gone');
    expect([1, 2, 3, 99].map((n) => retryDelayMs(lost, n, longest))).toEqual([1000, 2000, 4000, 300_000]);
  });

  it('tries refused credentials rarely, so that nobody is locked out', () => {
    expect(retryDelayMs(new MailError('AUTHENTICATION_FAILED', 'no'), 1, () => 0)).toBeGreaterThanOrEqual(7 * 60_000);
  });

  it('never waits less than the server asked for', () => {
    const limited = new MailError('RATE_LIMITED', 'slow down', { retryAfterMs: 7_200_000 });
    expect(retryDelayMs(limited, 1)).toBe(7_200_000);
  });

  it('treats what it does not know as worth another try', () => {
    expect(retryDelayMs(new Error('?'), 1, longest)).toBe(1000);
  });
});

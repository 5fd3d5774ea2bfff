import { describe, expect, it } from '@jest/globals';
import { MailError } from '../mailbox/mailbox.errors.js';
import { isAlarming, retryDelayMs } from './retry-policy.js';

const longest = (): number => 1;
const none = (): number => 0;
const minute = 60_000;
const hour = 60 * minute;

const locked = new MailError('MAILDROP_LOCKED', '[IN-USE]');
const limited = new MailError('RATE_LIMITED', '[LOGIN-DELAY] of five minutes', { retryAfterMs: 5.5 * minute });
const certificate = new MailError('TLS_FAILED', 'certificate');

describe('retryDelayMs, watching', () => {
  it('comes back within a second or so from a lost connection, and doubles to five minutes', () => {
    const lost = new MailError('CONNECTION_FAILED', 'gone');
    const delays = [1, 2, 3, 99].map((n) => retryDelayMs(lost, n, 'watching', longest));
    expect(delays).toEqual([1000, 2000, 4000, 300_000]);
  });

  it('IMAP case 24: tries refused credentials rarely, so that nobody is locked out', () => {
    const refused = new MailError('AUTHENTICATION_FAILED', 'no');
    expect(retryDelayMs(refused, 1, 'watching', none)).toBeGreaterThanOrEqual(7 * minute);
  });

  it('never waits less than the server asked for', () => {
    const asks = new MailError('RATE_LIMITED', 'slow down', { retryAfterMs: 7_200_000 });
    expect(retryDelayMs(asks, 1, 'watching')).toBe(7_200_000);
  });

  it('treats what it does not know as worth another try', () => {
    expect(retryDelayMs(new Error('?'), 1, 'watching', longest)).toBe(1000);
  });
});

describe('retryDelayMs, visiting', () => {
  it.each<[string, MailError, readonly number[]]>([
    ['[IN-USE]', locked, [1, 2, 5, 10, 10, 10]],
    ['[LOGIN-DELAY]', limited, [5.5, 11, 22, 33, 33]],
    ['[SYS/TEMP]', new MailError('SERVER_REJECTED', 'temp', { retryable: true }), [1, 2, 4, 8, 16, 32, 60, 60]],
    ['[SYS/PERM]', new MailError('SERVER_REJECTED', 'perm', { retryAfterMs: hour }), [60, 120, 240, 360, 360]],
    ['[AUTH]', new MailError('AUTHENTICATION_FAILED', 'no'), [60, 120, 240, 480, 960, 1440, 1440]],
    [
      'a bare -ERR at PASS',
      new MailError('SERVER_REJECTED', 'no', { retryable: true, retryAfterMs: 15 * minute }),
      [15, 30, 60, 90, 90],
    ],
    ['a certificate', certificate, [60, 120, 240, 360, 360]],
    ['a TLS handshake', new MailError('TLS_FAILED', 'tls', { retryable: true }), [1, 2, 4, 8, 16, 32, 60, 60]],
    ['a connection', new MailError('CONNECTION_FAILED', 'gone'), [1, 2, 4, 8, 16, 32, 60, 60]],
    ['silence', new MailError('TIMEOUT', 'silent'), [1, 2, 4, 8, 16, 32, 60, 60]],
    ['a host that is not allowed', new MailError('HOST_FORBIDDEN', 'no'), [60, 60]],
    ['UIDL that is announced and refused', new MailError('SERVER_REJECTED', 'no', { retryable: true }), [1, 2, 4]],
  ])('case 19: after %s', (_, error, minutes) => {
    for (const [index, wanted] of minutes.entries()) {
      expect(retryDelayMs(error, index + 1, 'visiting', none)).toBe(wanted * minute);
      expect(retryDelayMs(error, index + 1, 'visiting', longest)).toBe(Math.round(wanted * 1.1 * minute));
    }
  });

  it('comes back soon from trouble of our own', () => {
    expect(retryDelayMs(new Error('the database is away'), 1, 'visiting', longest)).toBe(1000);
    expect(retryDelayMs(new MailError('INTERNAL', 'fault'), 1, 'visiting', longest)).toBe(1000);
  });
});

describe('isAlarming', () => {
  it.each<[MailError, boolean]>([
    [locked, false],
    [limited, false],
    [certificate, true],
    [new MailError('CONNECTION_FAILED', 'gone'), true],
    [new MailError('SERVER_REJECTED', '[SYS/PERM]', { retryAfterMs: hour }), true],
    [new MailError('AUTHENTICATION_FAILED', 'no'), true],
  ])('case 19: %s at once: %s; after an hour always', (error, atOnce) => {
    expect(isAlarming(error, 0, 'visiting')).toBe(atOnce);
    expect(isAlarming(error, hour - 1, 'visiting')).toBe(atOnce);
    expect(isAlarming(error, hour, 'visiting')).toBe(true);
    expect(isAlarming(error, 0, 'watching')).toBe(true);
  });
});

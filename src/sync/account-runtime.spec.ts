import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import type { AccountRunner } from './account-runner.js';
import { AccountRuntime } from './account-runtime.js';

let runtime: AccountRuntime | undefined;

afterEach(async () => {
  jest.restoreAllMocks();
  await runtime?.stop();
});

/** A runner whose runs end as the test says, one after the other; the last one goes on until it is stopped. */
function start(
  ends: readonly Error[],
  {
    sync = async () => undefined,
    ...rest
  }: Pick<AccountRunner, 'visits' | 'service'> & { sync?: () => Promise<void> } = {},
) {
  const told: string[] = [];
  const waits: number[] = [];
  const waiters: { text: string; resolve: () => void }[] = [];
  const tell = (text: string): void => {
    told.push(text);
    for (const waiter of waiters) if (waiter.text === text) waiter.resolve();
  };
  const left = [...ends];
  const runner: AccountRunner = {
    run: async (signal) => {
      const error = left.shift();
      if (error) throw error;
      tell('running');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
    syncNow: sync,
    ...rest,
  };
  const started = new AccountRuntime('a' as AccountId, runner, {
    connecting: async () => tell('connecting'),
    postponed: async (error) => tell(`postponed ${error.code}`),
    failed: async (error, nextAttemptAt) => {
      if (nextAttemptAt) waits.push(nextAttemptAt.getTime() - Date.now());
      tell(`failed ${error.code}${nextAttemptAt ? ' (waits)' : ''}`);
    },
    leaseLost: () => tell('lease lost'),
  });
  runtime = started;
  const heard = (text: string): Promise<void> =>
    told.includes(text) ? Promise.resolve() : new Promise((resolve) => waiters.push({ text, resolve }));
  return { started, told, waits, heard };
}

const gone = new MailError('CONNECTION_FAILED', 'gone');

describe('AccountRuntime', () => {
  it('tries again after a failure, and says how it stands', async () => {
    const { heard, told } = start([gone]);
    await heard('running');
    expect(told).toEqual(['connecting', 'failed CONNECTION_FAILED (waits)', 'connecting', 'running']);
  });

  it('tries at once when it is asked to, however long it would have waited', async () => {
    const { started, heard } = start([new MailError('AUTHENTICATION_FAILED', 'no')]);
    await heard('failed AUTHENTICATION_FAILED (waits)');
    // The wait begins a moment after it was announced.
    await new Promise((resolve) => setImmediate(resolve));
    started.retryNow();
    await expect(heard('running')).resolves.toBeUndefined();
  });

  it('hides a fault of ours behind INTERNAL, and goes on', async () => {
    const { heard, told } = start([new TypeError('undefined is not a function')]);
    await heard('running');
    expect(told).toContain('failed INTERNAL (waits)');
  });

  it.each([
    ['seconds where the server serves it in between', Infinity, 16_000],
    ['minutes where the server does nothing for it', 0, 5 * 60_000],
  ])('waits no longer than %s', async (_, lastDoneMs, longestMs) => {
    const { started, waits } = start(
      Array.from({ length: 12 }, () => gone),
      { service: { lastDoneMs } },
    );
    for (let count = 1; count <= 12; count += 1) {
      while (waits.length < count) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      started.retryNow();
    }
    expect(Math.max(...waits)).toBeLessThanOrEqual(longestMs);
    expect(Math.max(...waits)).toBeGreaterThan(longestMs / 3);
  });

  it('ends without a word about the status when another instance has the account', async () => {
    const { heard, told } = start([new MailError('CONFLICT', 'taken over')]);
    await heard('lease lost');
    await runtime?.stop();
    expect(told).toEqual(['connecting', 'lease lost']);
  });

  it('goes on when the database was away for a moment, and blames nobody', async () => {
    const { heard, told } = start([new Error('Connection terminated unexpectedly')]);
    await heard('running');
    expect(told).toEqual(['connecting', 'running']);
  });

  it('stops while it runs and while it waits', async () => {
    const running = start([]);
    await running.heard('running');
    await expect(running.started.stop()).resolves.toBeUndefined();
    const waiting = start([new MailError('TLS_FAILED', 'no')]);
    await waiting.heard('failed TLS_FAILED (waits)');
    await expect(waiting.started.stop()).resolves.toBeUndefined();
  });

  it('shows in the status that looking for news on demand failed, and throws it', async () => {
    const { started, told } = start([], { sync: () => Promise.reject(gone) });
    await expect(started.syncNow(new AbortController().signal)).rejects.toBe(gone);
    expect(told).toContain('failed CONNECTION_FAILED');
  });

  it('case 19: a locked maildrop alarms nobody at first: the status stays what it was', async () => {
    const locked = new MailError('MAILDROP_LOCKED', 'in use');
    const { started, heard, told } = start([locked], {
      visits: { lastProgressMs: 0 },
      sync: () => Promise.reject(locked),
    });
    await heard('postponed MAILDROP_LOCKED');
    await new Promise((resolve) => setImmediate(resolve));
    await expect(started.syncNow(new AbortController().signal)).rejects.toBe(locked);
    started.retryNow();
    await heard('running');
    expect(told).toEqual(['connecting', 'postponed MAILDROP_LOCKED', 'running']);
  });

  it.each([
    ['is told after an hour', false, 'failed MAILDROP_LOCKED (waits)'],
    ['is told later where a visit got through meanwhile', true, 'postponed MAILDROP_LOCKED'],
  ])('case 19: a maildrop that stays locked %s', async (_, getsThrough, last) => {
    const locked = new MailError('MAILDROP_LOCKED', 'in use');
    const visits = { lastProgressMs: 0 };
    const { started, heard, told } = start([locked, locked], { visits });
    await heard('postponed MAILDROP_LOCKED');
    await new Promise((resolve) => setImmediate(resolve));
    const later = Date.now() + 3_600_000;
    jest.spyOn(Date, 'now').mockImplementation(() => later);
    if (getsThrough) visits.lastProgressMs = later;
    started.retryNow();
    while (told.length < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['connecting', 'postponed MAILDROP_LOCKED', last]);
  });
});

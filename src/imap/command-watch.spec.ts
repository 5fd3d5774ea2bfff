import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CommandWatch } from './command-watch.js';

describe('CommandWatch', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  const never = new AbortController().signal;
  const minute = 60_000;

  /** Hears an octet every half minute. */
  async function chatter(clock: { lastOctetAtMs: number }, forMs: number): Promise<void> {
    for (let heardMs = 0; heardMs < forMs; heardMs += minute / 2) {
      clock.lastOctetAtMs = performance.now();
      await jest.advanceTimersByTimeAsync(minute / 2);
    }
  }

  it('expires when nothing was heard for so long', async () => {
    const clock = { lastOctetAtMs: 0 };
    const watch = new CommandWatch(clock, minute, never);
    await chatter(clock, 2 * minute);
    expect(watch.hasExpired).toBe(false);
    await jest.advanceTimersByTimeAsync(minute / 2);
    expect(watch.hasExpired).toBe(true);
    await expect(watch.expired).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('expires after ten minutes of chatter', async () => {
    const clock = { lastOctetAtMs: 0 };
    const watch = new CommandWatch(clock, minute, never);
    await chatter(clock, 9.5 * minute);
    expect(watch.hasExpired).toBe(false);
    await chatter(clock, minute);
    await expect(watch.expired).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('gives an upload the time it was given', async () => {
    const clock = { lastOctetAtMs: 0 };
    const watch = new CommandWatch(clock, 30 * minute, never);
    await chatter(clock, 29 * minute);
    expect(watch.hasExpired).toBe(false);
    watch.end();
  });
});

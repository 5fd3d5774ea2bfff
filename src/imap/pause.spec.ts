import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Pause } from './pause.js';

describe('Pause', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const begin = (pause: Pause, ms: number): { over: boolean } => {
    const state = { over: false };
    void pause.wait(ms).then(() => (state.over = true));
    return state;
  };

  it('lasts as long as it was asked for', async () => {
    const waiting = begin(new Pause(), 60_000);
    await jest.advanceTimersByTimeAsync(59_999);
    expect(waiting.over).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(waiting.over).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('can be made shorter, never longer', async () => {
    const pause = new Pause();
    const waiting = begin(pause, 60_000);
    pause.shorten(1_000);
    pause.shorten(30_000);
    await jest.advanceTimersByTimeAsync(999);
    expect(waiting.over).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(waiting.over).toBe(true);
  });

  it('ends at once, and leaves no timer', async () => {
    const pause = new Pause();
    const waiting = begin(pause, 60_000);
    pause.end();
    await jest.advanceTimersByTimeAsync(0);
    expect(waiting.over).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is not touched by what comes when nobody waits', async () => {
    const pause = new Pause();
    pause.shorten(1_000);
    pause.end();
    expect(jest.getTimerCount()).toBe(0);
    const waiting = begin(pause, 60_000);
    await jest.advanceTimersByTimeAsync(59_999);
    expect(waiting.over).toBe(false);
    pause.end();
  });
});

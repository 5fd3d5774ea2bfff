import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { IdleCollector } from './idle-collector.js';

const minuteMs = 60_000;

describe('IdleCollector', () => {
  const { gc } = globalThis;
  const collect = jest.fn();
  let cpuMs = 0;
  let collector: IdleCollector;

  beforeEach(() => {
    jest.useFakeTimers();
    collect.mockReset();
    globalThis.gc = collect as unknown as typeof gc;
    cpuMs = 0;
    jest.spyOn(process, 'cpuUsage').mockImplementation(() => ({ user: cpuMs * 1_000, system: 0 }));
    collector = new IdleCollector();
  });

  afterEach(() => {
    collector.onModuleDestroy();
    globalThis.gc = gc;
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  const pass = (busyMs: number): void => {
    cpuMs += busyMs;
    jest.advanceTimersByTime(minuteMs);
  };

  it('collects in the first quiet minute, and not again before the heap has grown', () => {
    collector.onApplicationBootstrap();
    pass(1_000);
    expect(collect).toHaveBeenCalledTimes(1);
    for (let minute = 0; minute < 5; minute += 1) pass(1_000);
    expect(collect).toHaveBeenCalledTimes(1);
  });

  it('leaves a process alone that has something to do', () => {
    collector.onApplicationBootstrap();
    pass(30_000);
    pass(20_000);
    expect(collect).not.toHaveBeenCalled();
    pass(10_000);
    expect(collect).toHaveBeenCalledTimes(1);
  });

  it('does nothing where V8 was not told to let itself be asked, and nothing after its end', () => {
    globalThis.gc = undefined;
    collector.onApplicationBootstrap();
    expect(jest.getTimerCount()).toBe(0);
    globalThis.gc = collect as unknown as typeof gc;
    collector.onApplicationBootstrap();
    collector.onModuleDestroy();
    expect(jest.getTimerCount()).toBe(0);
  });
});

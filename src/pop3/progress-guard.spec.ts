import { describe, expect, it } from '@jest/globals';
import { POP3_LIMITS, POP3_TIMEOUTS } from './pop3.limits.js';
import { ProgressGuard } from './progress-guard.js';

const second = 1000;
const hour = 3_600 * second;

/** @returns after how long it is too slow, within a day */
function endsAfterMs(everyMs: number, bytes: number): number | undefined {
  const guard = new ProgressGuard(POP3_TIMEOUTS.progressMs, POP3_LIMITS.progressBytes);
  guard.restart(0);
  for (let nowMs = everyMs; nowMs <= 24 * hour; nowMs += everyMs) if (!guard.accept(bytes, nowMs)) return nowMs;
  return undefined;
}

describe('ProgressGuard', () => {
  it('case 2: one octet every 80 seconds ends after some minutes', () => {
    expect(endsAfterMs(80 * second, 1)).toBeLessThanOrEqual(POP3_TIMEOUTS.progressMs + 80 * second);
  });

  it.each([
    ['1 KB every second', second, 1024],
    ['8 KB every 80 seconds', 80 * second, 8192],
    ['30 octets every second', second, 30],
  ])('case 2: %s goes on for a day', (_, everyMs, bytes) => {
    expect(endsAfterMs(everyMs, bytes)).toBeUndefined();
  });

  it('begins anew with every message that ends', () => {
    const guard = new ProgressGuard(100, 10);
    guard.restart(0);
    expect(guard.accept(1, 99)).toBe(true);
    guard.restart(99);
    expect(guard.accept(1, 198)).toBe(true);
    expect(guard.accept(1, 199)).toBe(false);
  });
});

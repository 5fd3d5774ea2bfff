export interface BackoffPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Delay before attempt `failures + 1`: doubles from `firstMs`, capped at `maxMs`, with half of it random so that accounts that
 * failed together do not come back together.
 * @param failures how many attempts in a row have failed, from 1
 */
export function backoffMs(policy: BackoffPolicy, failures: number, random: () => number = Math.random): number {
  const full = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(full / 2 + (full / 2) * random());
}

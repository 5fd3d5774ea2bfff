import { backoffMs } from '../common/backoff.js';
import { sleep } from '../common/sleep.js';
import { isMailError } from '../mailbox/mailbox.errors.js';

const pause = { firstMs: 100, maxMs: 2_000 };
const patienceMs = 10_000;

/**
 * Again, for a while, where it fails for a reason that may pass: a stream outlasts a database that is away for a moment.
 * @throws what it failed with last; a MailError, which is an answer, at once
 */
export async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const deadlineMs = performance.now() + patienceMs;
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (isMailError(error) || signal.aborted || performance.now() > deadlineMs) throw error;
      await sleep(backoffMs(pause, failures), signal);
    }
  }
}

import { isMailError } from '../mailbox/mailbox.errors.js';
import { Pop3Error } from './pop3.errors.js';
import type { ConnectionStepName, StepListener } from '../mailbox/connection.port.js';

/** What to show of an error: the server's own words where there are any (already without secrets). */
function describeError(error: unknown): string {
  if (error instanceof Pop3Error && error.serverText) return error.serverText;
  return isMailError(error) ? error.message : 'failed';
}

/**
 * Runs one step of a sign-in and tells the listener how it went and how long it took.
 * @param action resolves to its value and what to show of it
 */
export async function runStep<T>(
  name: ConnectionStepName,
  onStep: StepListener | undefined,
  action: () => Promise<{ readonly value: T; readonly detail?: string }>,
): Promise<T> {
  const startedAt = performance.now();
  const tell = (ok: boolean, detail: string | undefined): void =>
    onStep?.({ name, ok, durationMs: Math.round(performance.now() - startedAt), detail });
  try {
    const { value, detail } = await action();
    tell(true, detail);
    return value;
  } catch (error) {
    tell(false, describeError(error));
    throw error;
  }
}

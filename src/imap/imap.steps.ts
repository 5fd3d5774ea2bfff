import type { ConnectionStepName, StepListener } from '../mailbox/connection.port.js';
import { isMailError } from '../mailbox/mailbox.errors.js';
import { singleLine } from '../mime/clean-text.js';

/** Tells a listener of the steps of a sign-in: one at a time, each ends by itself or with the failure of all. */
export class SignInSteps {
  private current: { readonly name: ConnectionStepName; readonly startedAtMs: number } | undefined;

  constructor(private readonly listener?: StepListener) {}

  begin(name: ConnectionStepName): void {
    this.current = { name, startedAtMs: performance.now() };
  }

  /** @param detail the server's words or ours; never a secret */
  end(detail?: string): void {
    this.tell(true, detail);
  }

  fail(error: unknown): void {
    this.tell(false, isMailError(error) ? error.message : 'failed');
  }

  private tell(ok: boolean, detail: string | undefined): void {
    if (!this.current) return;
    const { name, startedAtMs } = this.current;
    this.current = undefined;
    const durationMs = Math.round(performance.now() - startedAtMs);
    this.listener?.({ name, ok, durationMs, detail: detail === undefined ? undefined : singleLine(detail, 200) });
  }
}

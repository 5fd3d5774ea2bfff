import type { RemoteHint } from '../mailbox/keeper.port.js';
import { hintIntervalMs } from './imap.limits.js';

/** Says the first of many like hints at once and those that follow it soon together: no delay, and no flood. */
export class HintCoalescer {
  /** Hints said a moment ago, and whether they were heard again since. */
  private readonly recent = new Map<string, { readonly timer: NodeJS.Timeout; again: boolean }>();

  constructor(private readonly onHint: (hint: RemoteHint) => void) {}

  add(hint: RemoteHint): void {
    const key = hint.kind === 'mailbox' ? `mailbox ${hint.path}` : hint.kind;
    const said = this.recent.get(key);
    if (said) said.again = true;
    else this.say(key, hint);
  }

  close(): void {
    for (const { timer } of this.recent.values()) clearTimeout(timer);
    this.recent.clear();
  }

  private say(key: string, hint: RemoteHint): void {
    const timer = setTimeout(() => {
      const { again } = this.recent.get(key)!;
      this.recent.delete(key);
      if (again) this.say(key, hint);
    }, hintIntervalMs).unref();
    this.recent.set(key, { timer, again: false });
    this.onHint(hint);
  }
}

import type { RemoteHint } from '../mailbox/keeper.port.js';
import { hintIntervalMs } from './imap.limits.js';

/** Says the first of many like hints at once and those that follow it soon together: no delay, and no flood. */
export class HintCoalescer {
  /** Hints said a moment ago, and whether they were heard again since. */
  private recent: Map<string, { readonly timer: NodeJS.Timeout; again: boolean }> | undefined;

  constructor(private readonly onHint: (hint: RemoteHint) => void) {}

  add(hint: RemoteHint): void {
    const key = hint.kind === 'mailbox' ? `mailbox ${hint.path}` : hint.kind;
    const said = this.recent?.get(key);
    if (said) said.again = true;
    else this.say(key, hint);
  }

  close(): void {
    for (const { timer } of this.recent?.values() ?? []) clearTimeout(timer);
    this.recent = undefined;
  }

  private say(key: string, hint: RemoteHint): void {
    this.recent ??= new Map();
    const timer = setTimeout(() => this.over(key, hint), hintIntervalMs).unref();
    this.recent.set(key, { timer, again: false });
    this.onHint(hint);
  }

  private over(key: string, hint: RemoteHint): void {
    const { recent } = this;
    const again = recent?.get(key)?.again;
    recent?.delete(key);
    if (recent?.size === 0) this.recent = undefined;
    if (again) this.say(key, hint);
  }
}

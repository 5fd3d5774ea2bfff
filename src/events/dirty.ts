import { Wakeup } from '../common/wakeup.js';

/** What has news, each once, in order of arrival; at most one entry per key however often it is added. */
export class Dirty<K> {
  private readonly keys = new Set<K>();
  private unknown = false;
  private readonly wakeup = new Wakeup();

  add(key: K): void {
    this.keys.add(key);
    this.wakeup.notify();
  }

  /** Something happened, but not known where. */
  addUnknown(): void {
    this.unknown = true;
    this.wakeup.notify();
  }

  takeUnknown(): boolean {
    const was = this.unknown;
    this.unknown = false;
    return was;
  }

  take(): K | undefined {
    const [key] = this.keys;
    if (key !== undefined) this.keys.delete(key);
    return key;
  }

  /** @returns true when there is something to take, false when `signal` has aborted */
  wait(signal: AbortSignal): Promise<boolean> {
    return this.wakeup.until(() => this.unknown || this.keys.size > 0, signal);
  }
}

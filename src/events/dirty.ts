/** What has news, each once, in order of arrival; at most one entry per key however often it is added. */
export class Dirty<K> {
  private readonly keys = new Set<K>();
  private unknown = false;
  private wake: () => void = () => undefined;

  add(key: K): void {
    this.keys.add(key);
    this.wake();
  }

  /** Something happened, but not known where. */
  addUnknown(): void {
    this.unknown = true;
    this.wake();
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
  async wait(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted && this.keys.size === 0 && !this.unknown) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done);
          this.wake = () => undefined;
          resolve();
        };
        this.wake = done;
        signal.addEventListener('abort', done, { once: true });
      });
    }
    return !signal.aborted;
  }
}

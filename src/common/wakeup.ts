/** Lets one waiter sleep until there may be something to do. */
export class Wakeup {
  private resolve: () => void = () => undefined;

  notify(): void {
    this.resolve();
  }

  /** @returns true once `ready` holds, false when `signal` has aborted */
  async until(ready: () => boolean, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted && !ready()) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done);
          this.resolve = () => undefined;
          resolve();
        };
        this.resolve = done;
        signal.addEventListener('abort', done, { once: true });
      });
    }
    return !signal.aborted;
  }
}

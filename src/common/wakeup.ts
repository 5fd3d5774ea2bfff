/** Lets one waiter sleep until there may be something to do. */
export class Wakeup {
  private resolve: () => void = () => undefined;

  notify(): void {
    this.resolve();
  }

  /** @returns true once `ready` holds, false when `signal` has aborted */
  until(ready: () => boolean, signal: AbortSignal): Promise<boolean> {
    // No async function: one that waits takes as much memory again, and each account has one.
    return new Promise((resolve) => {
      const look = (): void => {
        if (!signal.aborted && !ready()) return;
        signal.removeEventListener('abort', look);
        this.resolve = () => undefined;
        resolve(!signal.aborted);
      };
      this.resolve = look;
      signal.addEventListener('abort', look, { once: true });
      look();
    });
  }
}

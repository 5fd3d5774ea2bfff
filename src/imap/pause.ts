/** A wait that can be made shorter while it lasts: one timer and one promise, for that is what most connections do all the time. */
export class Pause {
  private timer: NodeJS.Timeout | undefined;
  private endsAtMs = 0;
  private resolve: (() => void) | undefined;

  /** Resolves after `ms`, or sooner by `shorten` and `end`; one wait at a time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.resolve = resolve;
      this.arm(ms);
    });
  }

  /** It lasts no longer than `ms` from now. Nothing where nobody waits. */
  shorten(ms: number): void {
    if (this.resolve && performance.now() + ms < this.endsAtMs) this.arm(ms);
  }

  end(): void {
    clearTimeout(this.timer);
    const { resolve } = this;
    this.timer = this.resolve = undefined;
    resolve?.();
  }

  private arm(ms: number): void {
    clearTimeout(this.timer);
    this.endsAtMs = performance.now() + ms;
    this.timer = setTimeout(() => this.end(), ms);
  }
}

/** When a batch is large enough, whichever comes first. */
export interface BatchLimits {
  readonly items: number;
  readonly bytes: number;
  readonly ageMs: number;
}

/** Gathers items into batches and works on one while the next is gathered: never more than two of them are in memory. */
export class OneAhead<T> {
  private items: T[] = [];
  private bytes = 0;
  private sinceMs = 0;
  private working: Promise<void> = Promise.resolve();

  constructor(
    private readonly limits: BatchLimits,
    private readonly work: (items: readonly T[]) => Promise<void>,
  ) {}

  /** Resolves when there is room for more. @throws what `work` threw */
  async add(item: T, bytes: number): Promise<void> {
    if (this.items.length === 0) this.sinceMs = Date.now();
    this.items.push(item);
    this.bytes += bytes;
    const { limits } = this;
    const ageMs = Date.now() - this.sinceMs;
    if (this.items.length >= limits.items || this.bytes >= limits.bytes || ageMs >= limits.ageMs) await this.send();
  }

  /** Resolves when all work is done. @throws what `work` threw */
  async finish(): Promise<void> {
    if (this.items.length > 0) await this.send();
    await this.working;
  }

  private async send(): Promise<void> {
    await this.working;
    const { items } = this;
    [this.items, this.bytes] = [[], 0];
    this.working = this.work(items);
    // Whoever comes next awaits it; until then a failure must not end the process.
    this.working.catch(() => undefined);
  }
}

import { Wakeup } from '../common/wakeup.js';

export type SyncTask =
  /** Nothing to do, which is to be told. */
  | { readonly kind: 'report' }
  | { readonly kind: 'list' }
  /** Something happened there. */
  | { readonly kind: 'news'; readonly path: string }
  /** First synchronisation, in slices. */
  | { readonly kind: 'backfill'; readonly path: string };

/** What is to be synchronised for one account: the list first, then news, then history. Each path stands in it once. */
export class SyncQueue {
  private report = false;
  private list = false;
  private readonly news = new Set<string>();
  private readonly backfill = new Set<string>();
  private readonly wakeup = new Wakeup();

  addReport(): void {
    this.report = true;
    this.wakeup.notify();
  }

  addList(): void {
    this.list = true;
    this.wakeup.notify();
  }

  addNews(path: string): void {
    // While its history is being read, news is found by the same reading: it looks at the newest first.
    this.news.add(path);
    this.wakeup.notify();
  }

  addBackfill(path: string): void {
    this.backfill.add(path);
    this.wakeup.notify();
  }

  take(): SyncTask | undefined {
    if (this.list) {
      this.list = false;
      return { kind: 'list' };
    }
    const [news] = this.news;
    if (news !== undefined) {
      this.news.delete(news);
      return { kind: 'news', path: news };
    }
    if (this.report) {
      this.report = false;
      return { kind: 'report' };
    }
    const [path] = this.backfill;
    if (path === undefined) return undefined;
    this.backfill.delete(path);
    return { kind: 'backfill', path };
  }

  /** True when a first synchronisation should let something else go first. */
  hasMoreUrgent(): boolean {
    return this.list || this.news.size > 0;
  }

  get hasBackfill(): boolean {
    return this.backfill.size > 0;
  }

  /** @returns true when there is a task, false when `signal` has aborted */
  wait(signal: AbortSignal): Promise<boolean> {
    return this.wakeup.until(() => this.hasMoreUrgent() || this.report || this.hasBackfill, signal);
  }
}

import { Wakeup } from '../common/wakeup.js';

export type SyncTask =
  /** Nothing to do, which is to be told. */
  | { readonly kind: 'report' }
  | { readonly kind: 'list' }
  /** Something happened there. */
  | { readonly kind: 'news'; readonly path: string }
  /** First synchronisation, in slices. */
  | { readonly kind: 'backfill'; readonly path: string }
  /** How messages begin, a few at a time. */
  | { readonly kind: 'previews' };

/** What is to be synchronised for one account: the list first, then news, then history, and when all is quiet previews. Each path stands in it once. */
export class SyncQueue {
  private report = false;
  private list = false;
  private previews = false;
  private news: Set<string> | undefined;
  private backfill: Set<string> | undefined;
  private readonly wakeup = new Wakeup();

  addReport(): void {
    this.report = true;
    this.wakeup.notify();
  }

  addPreviews(): void {
    this.previews = true;
    this.wakeup.notify();
  }

  addList(): void {
    this.list = true;
    this.wakeup.notify();
  }

  addNews(path: string): void {
    // While its history is being read, news is found by the same reading: it looks at the newest first.
    this.news = (this.news ?? new Set()).add(path);
    this.wakeup.notify();
  }

  addBackfill(path: string): void {
    this.backfill = (this.backfill ?? new Set()).add(path);
    this.wakeup.notify();
  }

  take(): SyncTask | undefined {
    if (this.list) {
      this.list = false;
      return { kind: 'list' };
    }
    const [news] = this.news ?? [];
    if (news !== undefined) {
      this.news = without(this.news, news);
      return { kind: 'news', path: news };
    }
    if (this.report) {
      this.report = false;
      return { kind: 'report' };
    }
    const [path] = this.backfill ?? [];
    if (path !== undefined) {
      this.backfill = without(this.backfill, path);
      return { kind: 'backfill', path };
    }
    if (!this.previews) return undefined;
    this.previews = false;
    return { kind: 'previews' };
  }

  /** True when a first synchronisation should let something else go first. */
  hasMoreUrgent(): boolean {
    return this.list || this.news !== undefined;
  }

  get hasBackfill(): boolean {
    return this.backfill !== undefined;
  }

  /** @returns true when there is a task, false when `signal` has aborted */
  wait(signal: AbortSignal): Promise<boolean> {
    return this.wakeup.until(() => this.hasMoreUrgent() || this.report || this.previews || this.hasBackfill, signal);
  }
}

/** @returns undefined for none: most accounts have nothing to do most of the time */
function without(paths: Set<string> | undefined, path: string): Set<string> | undefined {
  paths?.delete(path);
  return paths?.size ? paths : undefined;
}

import { setImmediate } from 'node:timers/promises';
import type { ModSeq } from '../mailbox/model/ids.js';
import type { FetchItems, Flow } from './imap.flow.js';
import { targetWindowBytes } from './imap.limits.js';
import type { FetchedRow } from './imap.mapping.js';

export interface FetchLot<T> {
  readonly rows: readonly T[];
  readonly last: boolean;
  /** What ended it, after these rows. */
  readonly failure?: unknown;
}

export interface RowOptions<T> {
  /** What is wanted of a row; undefined for one that is nothing of what was asked for. */
  readonly toItem: (row: FetchedRow) => T | undefined;
  /** The range is of UIDs, not of sequence numbers. */
  readonly uid: boolean;
  /** Only what has a higher mod-sequence; with QRESYNC what vanished since is told as news. */
  readonly changedSince?: ModSeq;
}

/** After so long of reading others have their turn: answers of the database, above all to who stores the rows read before. */
const sliceMs = 1;

/**
 * The rows of one FETCH, in lots, each made into what is wanted of it as it comes: thousands of whole ones in memory are work for
 * the garbage collector. While no lot is asked for no row is read, but for one: what is not taken stays on the server's
 * side of the socket.
 */
export class FetchedRows<T> {
  private rows: T[] = [];
  private enoughRows = 0;
  private enoughBytes = 0;
  private end: { readonly failure?: unknown } | undefined;
  private dropped = false;
  private sliceEndsMs = 0;
  /** Lets the connection read on. */
  private resume: (() => void) | undefined;
  /** Gives the lot to who waits for it. */
  private give: (() => void) | undefined;
  /** Messages of which everything was given: where a server wants to be asked again later, imapflow does, and all rows come twice. */
  private readonly given = new Set<number>();
  private readonly toItem: (row: FetchedRow) => T | undefined;

  constructor(
    private readonly flow: Flow,
    range: string,
    items: FetchItems,
    { toItem, ...options }: RowOptions<T>,
  ) {
    this.toItem = toItem;
    flow.takeRow = this.put;
    void this.pump(flow.fetch(range, items, options));
  }

  /** No more than so many rows, or about `targetWindowBytes` octets. Not to be called again before it resolves. */
  async take(maxRows: number): Promise<FetchLot<T>> {
    this.enoughRows = maxRows;
    this.enoughBytes = this.flow.stats().received + targetWindowBytes;
    if (!this.end && !this.isFull) {
      await new Promise<void>((resolve) => {
        this.give = resolve;
        this.release();
      });
    }
    const { rows } = this;
    this.rows = [];
    this.enoughRows = 0;
    return { rows, last: this.end !== undefined, ...this.end };
  }

  /** What is still to come is read and let go of. */
  drop(): void {
    this.dropped = true;
    this.rows = [];
    this.release();
  }

  /** The rows that imapflow had to read come from its generator; it ends when the server has answered. */
  private async pump(others: AsyncGenerator<FetchedRow>): Promise<void> {
    try {
      for await (const row of others) await this.put(row);
      this.end = {};
    } catch (failure) {
      this.end = { failure };
    }
    if (this.flow.takeRow === this.put) this.flow.takeRow = undefined;
    this.give?.();
  }

  private readonly put = (row: FetchedRow): Promise<void> | undefined => {
    if (this.dropped) return undefined;
    if (row.size !== undefined) {
      if (this.given.has(row.uid)) return undefined;
      this.given.add(row.uid);
    }
    const item = this.toItem(row);
    if (item !== undefined) this.rows.push(item);
    if (!this.isFull) return performance.now() < this.sliceEndsMs ? undefined : this.beginSlice();
    this.give?.();
    return new Promise((resolve) => (this.resume = resolve));
  };

  private async beginSlice(): Promise<void> {
    await setImmediate();
    this.sliceEndsMs = performance.now() + sliceMs;
  }

  private get isFull(): boolean {
    return this.rows.length >= this.enoughRows || this.flow.stats().received >= this.enoughBytes;
  }

  private release(): void {
    this.resume?.();
    this.resume = undefined;
  }
}

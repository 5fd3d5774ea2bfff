import type { ApiKeyId } from '../../mailbox/model/ids.js';

/** Bounds on what one key may hold open, so that a client that leaks connections cannot take them all. */
export const MAX_SOCKETS_PER_KEY = 100;
export const MAX_SUBSCRIPTIONS_PER_SOCKET = 50;
export const MAX_SSE_STREAMS_PER_KEY = 100;

/** Counts what is open for each key. */
export class OpenCounter {
  private readonly open = new Map<ApiKeyId, number>();

  constructor(private readonly max: number) {}

  /** @returns a function that gives the place back, or undefined where none is left */
  take(key: ApiKeyId): (() => void) | undefined {
    const count = this.open.get(key) ?? 0;
    if (count >= this.max) return undefined;
    this.open.set(key, count + 1);
    let taken = true;
    return () => {
      if (taken) this.give(key);
      taken = false;
    };
  }

  private give(key: ApiKeyId): void {
    const left = (this.open.get(key) ?? 0) - 1;
    if (left > 0) this.open.set(key, left);
    else this.open.delete(key);
  }
}

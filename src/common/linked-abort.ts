/**
 * An AbortController that other signals abort, too. AbortSignal.any leaves a reference on a signal that lives longer than what is
 * made of it, each time (Node 20 to 24, nodejs/node#55351 and #64476); this leaves nothing after `unlink`.
 */
export class LinkedAbort {
  private readonly controller = new AbortController();
  private readonly parents: readonly AbortSignal[];

  constructor(...parents: readonly AbortSignal[]) {
    this.parents = parents;
    for (const parent of parents) parent.addEventListener('abort', this.onParent, { once: true });
    this.onParent();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Idempotent. */
  abort(reason?: unknown): void {
    this.unlink();
    this.controller.abort(reason);
  }

  /** From now on only `abort` aborts it. Idempotent. */
  unlink(): void {
    for (const parent of this.parents) parent.removeEventListener('abort', this.onParent);
  }

  private readonly onParent = (): void => {
    const aborted = this.parents.find((parent) => parent.aborted);
    if (aborted) this.abort(aborted.reason);
  };
}

/** Runs `work` with a signal that aborts when `signal` does, and with a TimeoutError after `ms`. */
export async function withDeadline<T>(
  signal: AbortSignal,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new LinkedAbort(signal, AbortSignal.timeout(ms));
  try {
    return await work(deadline.signal);
  } finally {
    deadline.unlink();
  }
}

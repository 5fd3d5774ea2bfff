/** What was done to messages, by Message-ID: the change log may tell of no more than that. */
export class OperationsLog {
  /** Appended, copied or moved: each may be one message more. */
  readonly arrivals = new Map<string, number>();
  /** Each may be one change of flags. */
  readonly flagChanges = new Map<string, number>();
  /** Appended or copied: each is one message more, unless it failed. */
  readonly created = new Map<string, number>();
  /** Of mailboxes renamed or deleted, of which it cannot be said when who saw what. */
  readonly excused = new Set<string>();
  readonly done = new Map<string, number>();
  readonly failed = new Map<string, number>();
  lastAtMs = 0;

  arrival(messageIds: readonly string[], created: boolean): void {
    for (const id of messageIds) {
      add(this.arrivals, id);
      if (created) add(this.created, id);
    }
  }

  flagChange(messageIds: readonly string[]): void {
    for (const id of messageIds) add(this.flagChanges, id);
  }

  excuse(messageIds: readonly string[]): void {
    for (const id of messageIds) this.excused.add(id);
  }

  finished(operation: string, succeeded: boolean): void {
    add(succeeded ? this.done : this.failed, operation);
    this.lastAtMs = performance.now();
  }
}

export function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

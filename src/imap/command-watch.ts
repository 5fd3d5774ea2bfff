import { abortedBy, deadlineExceeded } from './imap.errors.js';

/** Says when the server was heard last. */
interface OctetClock {
  /** `performance.now()` of the last octet; 0 before the first. */
  readonly lastOctetAtMs: number;
}

/** Expires when the server has been silent for too long since the command began, or when the caller's signal aborts. */
export class CommandWatch {
  readonly expired: Promise<never>;
  hasExpired = false;
  private readonly startedAtMs = performance.now();
  private timer: NodeJS.Timeout;
  private reject!: (error: Error) => void;

  constructor(
    private readonly clock: OctetClock,
    private readonly silenceMs: number,
    private readonly signal: AbortSignal,
  ) {
    this.expired = new Promise<never>((_, reject) => (this.reject = reject));
    // Nobody may be waiting any more when it fires.
    this.expired.catch(() => undefined);
    this.timer = setTimeout(this.check, silenceMs);
    signal.addEventListener('abort', this.onAbort, { once: true });
  }

  end(): void {
    clearTimeout(this.timer);
    this.signal.removeEventListener('abort', this.onAbort);
  }

  private readonly onAbort = (): void => this.expire(abortedBy(this.signal.reason));

  private readonly check = (): void => {
    const silentForMs = performance.now() - Math.max(this.startedAtMs, this.clock.lastOctetAtMs);
    if (silentForMs >= this.silenceMs) this.expire(deadlineExceeded());
    else this.timer = setTimeout(this.check, this.silenceMs - silentForMs);
  };

  private expire(error: Error): void {
    this.hasExpired = true;
    this.end();
    this.reject(error);
  }
}

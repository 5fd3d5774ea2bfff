import { abortedBy, deadlineExceeded } from './imap.errors.js';
import { commandMaxMs } from './imap.limits.js';

/** Says when the server was heard last. */
interface OctetClock {
  /** `performance.now()` of the last octet; 0 before the first. */
  readonly lastOctetAtMs: number;
}

/**
 * Expires when the server has been silent for too long since the command began, or has not come to an end in ten minutes, or when
 * the caller's signal aborts.
 */
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
    const now = performance.now();
    const heardAtMs = Math.max(this.startedAtMs, this.clock.lastOctetAtMs);
    const endsAtMs = this.startedAtMs + Math.max(commandMaxMs, this.silenceMs);
    const leftMs = Math.min(heardAtMs + this.silenceMs, endsAtMs) - now;
    if (leftMs <= 0) this.expire(deadlineExceeded());
    else this.timer = setTimeout(this.check, leftMs);
  };

  private expire(error: Error): void {
    this.hasExpired = true;
    this.end();
    this.reject(error);
  }
}

import { cureOf, type Cure, type ErrorCode } from './model/error-code.js';

export interface MailErrorDetails {
  /** What was thrown below; kept for the log, never shown to a client. */
  readonly cause?: unknown;
  /** Path into the input, e.g. `['input', 'imap', 'host']`. */
  readonly field?: readonly string[];
  /** How long the server (or our own limit) asks to wait. */
  readonly retryAfterMs?: number;
  /** Overrides what the code's cure says, e.g. a SERVER_REJECTED that the server called temporary ([UNAVAILABLE], [SYS/TEMP]). */
  readonly retryable?: boolean;
}

/**
 * The one kind of error that crosses a port. Made where the trouble is seen, from codes and never from text, with a message
 * that a person can act on and that holds no secret, address or subject.
 */
export class MailError extends Error {
  override readonly name = 'MailError';
  readonly field?: readonly string[];
  readonly retryAfterMs?: number;
  readonly retryable: boolean;

  constructor(
    readonly code: ErrorCode,
    message: string,
    details: MailErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.field = details.field;
    this.retryAfterMs = details.retryAfterMs;
    this.retryable = details.retryable ?? cureOf(code) === 'retry';
  }

  get cure(): Cure {
    return this.retryable ? 'retry' : cureOf(this.code);
  }
}

export const isMailError = (error: unknown): error is MailError => error instanceof MailError;

/** The object does not exist, or is not the caller's: deliberately the same words for both. */
export const notFound = (what: string): MailError => new MailError('NOT_FOUND', `no such ${what}`);

export const invalidInput = (field: readonly string[], message: string): MailError =>
  new MailError('INVALID_INPUT', message, { field });

import { Pop3Error } from '../pop3.errors.js';

const minute = 60_000;
/** Many servers answer a bare -ERR for trouble of their own: only so many, over so long a time, are taken for an answer. */
const proof = { refusals: 3, spanMs: 30 * minute };
/** Until then a password is tried seldom: it may be wrong all the same, and each attempt counts towards a lock-out. */
const retryAfterMs = 15 * minute;

/** Sign-ins that were refused without a response code that says why (RFC 3206 section 5 has [AUTH] for wrong credentials). */
export class BareRefusals {
  private count = 0;
  private sinceMs = 0;

  /** @returns the error; or, while it proves nothing, a temporary one in its place */
  judge(error: unknown, nowMs: number): unknown {
    if (!isBareRefusal(error)) return error;
    if (this.count === 0) this.sinceMs = nowMs;
    this.count += 1;
    if (this.count >= proof.refusals && nowMs - this.sinceMs >= proof.spanMs) return error;
    return new Pop3Error('rejected', 'SERVER_REJECTED', 'the mail server refused the sign-in and does not say why', {
      cause: error,
      retryable: true,
      retryAfterMs,
      reply: { code: error.responseCode, text: error.serverText ?? '' },
    });
  }

  /** Somebody was let in. */
  clear(): void {
    this.count = 0;
  }
}

const isBareRefusal = (error: unknown): error is Pop3Error =>
  error instanceof Pop3Error &&
  error.failure === 'rejected' &&
  error.code === 'AUTHENTICATION_FAILED' &&
  error.responseCode !== 'AUTH';

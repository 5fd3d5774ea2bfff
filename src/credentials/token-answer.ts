import { z } from 'zod';
import { MailError } from '../mailbox/mailbox.errors.js';

/** An answer of a token endpoint, read whole. */
export interface TokenAnswer {
  readonly status: number;
  /** `Retry-After` header, seconds. */
  readonly retryAfter?: string;
  readonly body: string;
}

export interface NewTokens {
  readonly accessToken: string;
  readonly expiresAt: Date;
  /** Given where the old one is not to be used again (RFC 6749 section 6). */
  readonly refreshToken?: string;
}

/** RFC 6749 section 5.1 recommends `expires_in`; where it is left out a token is used for this long. */
const assumedLifeSeconds = 300;
const maxLifeSeconds = 86_400;

const TOKENS = z.object({
  access_token: z.string().min(1),
  // Some servers write the number as a string.
  expires_in: z.coerce.number().positive().optional().catch(undefined),
  refresh_token: z.string().min(1).optional(),
});

/** Section 5.2; anything longer or stranger is not shown. */
const FAILURE = z.object({ error: z.string().regex(/^[a-z_.-]{1,60}$/i) });

/**
 * Reads what a token endpoint answered (RFC 6749 section 5).
 * @throws MailError AUTHENTICATION_FAILED where the grant or the client was refused, RATE_LIMITED, CONNECTION_FAILED
 */
export function readTokenAnswer(answer: TokenAnswer, nowMs: number): NewTokens {
  if (answer.status !== 200) throw failure(answer);
  const tokens = TOKENS.safeParse(parseJson(answer.body));
  if (!tokens.success) {
    throw new MailError('CONNECTION_FAILED', 'the answer of the token server could not be understood');
  }
  const { access_token, expires_in = assumedLifeSeconds, refresh_token } = tokens.data;
  const lifeMs = Math.min(expires_in, maxLifeSeconds) * 1000;
  return { accessToken: access_token, expiresAt: new Date(nowMs + lifeMs), refreshToken: refresh_token };
}

function failure({ status, retryAfter, body }: TokenAnswer): MailError {
  const { data } = FAILURE.safeParse(parseJson(body));
  const reason = data ? `${status} ${data.error}` : String(status);
  if (status === 429) {
    const seconds = Number(retryAfter);
    const retryAfterMs = seconds > 0 && seconds < 86_400 ? seconds * 1000 : undefined;
    return new MailError('RATE_LIMITED', `the token server asks to wait (${reason})`, { retryAfterMs });
  }
  if (status >= 400 && status < 500) {
    return new MailError('AUTHENTICATION_FAILED', `the token server refused to renew the access token (${reason})`);
  }
  return new MailError('CONNECTION_FAILED', `the token server could not renew the access token (${reason})`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

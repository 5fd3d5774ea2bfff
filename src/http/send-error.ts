import type { Response } from 'express';
import type { MailError } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';

const STATUS: Partial<Record<ErrorCode, number>> = {
  INVALID_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  TOO_LARGE: 413,
  RATE_LIMITED: 429,
  TIMEOUT: 504,
  CONNECTION_FAILED: 502,
  AUTHENTICATION_FAILED: 502,
  SERVER_REJECTED: 502,
  TLS_FAILED: 502,
  INTERNAL: 500,
};

export const statusOf = (code: ErrorCode): number => STATUS[code] ?? 400;

/** An answer of the doors around GraphQL: the shape of a GraphQL answer, so that clients need to read only one. */
export function sendError(response: Response, { code, message, retryable, retryAfterMs }: MailError): void {
  if (code === 'UNAUTHENTICATED') response.setHeader('www-authenticate', 'Bearer');
  if (retryAfterMs !== undefined) response.setHeader('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  const extensions = { code, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  response.status(statusOf(code)).json({ errors: [{ message, extensions }] });
}

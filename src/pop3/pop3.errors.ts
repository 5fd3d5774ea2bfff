import { isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';

/**
 * How a session or a command failed, for who decides about the account's next visit.
 * - `rejected`: the server answered -ERR; the session goes on, unless this was the greeting or the sign-in
 * - all others end the session: its socket is destroyed, and neither DELE nor QUIT follows
 */
export type Pop3Failure =
  'rejected' | 'unreachable' | 'tls' | 'closed' | 'protocol' | 'limit' | 'timeout' | 'aborted' | 'unsupported';

/** The server's side of an error. */
interface ServerWords {
  readonly code?: string;
  readonly text: string;
}

interface Pop3ErrorDetails {
  readonly cause?: unknown;
  readonly retryAfterMs?: number;
  readonly retryable?: boolean;
  readonly reply?: ServerWords;
}

/** What the POP3 client throws; a MailError with what only POP3 code needs to know. */
export class Pop3Error extends MailError {
  /** Upper case, without brackets, e.g. `IN-USE`, `SYS/TEMP` (RFC 2449 section 8, RFC 3206). */
  readonly responseCode?: string;
  /** The server's own words, one line, cut and without control characters. May name the user: not for logs. */
  readonly serverText?: string;

  constructor(
    readonly failure: Pop3Failure,
    code: ErrorCode,
    message: string,
    details: Pop3ErrorDetails = {},
  ) {
    super(code, message, details);
    this.responseCode = details.reply?.code;
    this.serverText = details.reply?.text;
  }
}

/** The bytes are not POP3, or not where they should be. Nothing that follows on this connection can be trusted. */
export const protocolViolation = (what: string): Pop3Error =>
  new Pop3Error('protocol', 'CONNECTION_FAILED', `the mail server does not follow the protocol: ${what}`);

export const limitExceeded = (what: string): Pop3Error =>
  new Pop3Error('limit', 'TOO_LARGE', `the mail server sent more than is accepted: ${what}`);

export const timedOut = (what: string): Pop3Error =>
  new Pop3Error('timeout', 'TIMEOUT', `the mail server was silent for too long: ${what}`);

export const connectionClosed = (): Pop3Error =>
  new Pop3Error('closed', 'CONNECTION_FAILED', 'the mail server closed the connection');

export const aborted = (reason: unknown): Pop3Error => {
  const late = propertyOf(reason, 'name') === 'TimeoutError';
  return new Pop3Error('aborted', late ? 'TIMEOUT' : 'CONNECTION_FAILED', 'the session was given up', {
    cause: reason,
    retryable: true,
  });
};

/** Whatever was thrown while octets were read, as the end of the session. */
export function asSessionError(error: unknown): Pop3Error {
  if (error instanceof Pop3Error) return error;
  if (isMailError(error)) return new Pop3Error('aborted', error.code, error.message, { cause: error });
  return new Pop3Error('aborted', 'INTERNAL', 'a reply could not be handled', { cause: error });
}

const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** @returns how long to stay away: a tenth more than the server asks for, for its clock is not ours (RFC 2449 section 6.5) */
export const loginPauseMs = (loginDelaySeconds: number): number => loginDelaySeconds * 1_100;

type Phase = 'greeting' | 'signIn' | 'command';

const BY_PHASE: Readonly<Record<Phase, [ErrorCode, string, { retryable?: boolean }?]>> = {
  greeting: ['SERVER_REJECTED', 'the mail server refused the connection', { retryable: true }],
  signIn: ['AUTHENTICATION_FAILED', 'the mail server refused the sign-in'],
  command: ['SERVER_REJECTED', 'the mail server refused the command'],
};

const MINUTE_MS = 60_000;
/** Nobody but the server's operator can mend it, and they take their time. */
const PERMANENT_TROUBLE_MS = 60 * MINUTE_MS;

/**
 * An -ERR as an error, by its response code (RFC 2449 section 8.1, RFC 3206 section 4), else by the phase it came in.
 * A bare -ERR at sign-in is AUTHENTICATION_FAILED too, but `responseCode` is then undefined: many servers say it for trouble
 * of their own, so that one alone proves nothing.
 * @param loginDelaySeconds as announced by CAPA, if it was
 */
export function rejected(reply: ServerWords, phase: Phase, loginDelaySeconds?: number): Pop3Error {
  const make = (code: ErrorCode, message: string, more: Omit<Pop3ErrorDetails, 'reply'> = {}): Pop3Error =>
    new Pop3Error('rejected', code, message, { ...more, reply });
  switch (reply.code ?? '') {
    case 'IN-USE':
      return make('MAILDROP_LOCKED', 'the maildrop is in use by another session', { retryAfterMs: MINUTE_MS });
    case 'LOGIN-DELAY':
      return make('RATE_LIMITED', 'the mail server wants more time between sign-ins', {
        // At least a minute where the server asks to wait without saying how long.
        retryAfterMs: loginPauseMs(Math.max(loginDelaySeconds ?? 0, 60)),
      });
    case 'AUTH':
      return make('AUTHENTICATION_FAILED', 'the mail server refused the credentials');
    case 'SYS/TEMP':
      return make('SERVER_REJECTED', 'the mail server has a temporary problem', { retryable: true });
    case 'SYS/PERM':
      return make('SERVER_REJECTED', 'the mail server has a problem that needs its operator', {
        retryAfterMs: PERMANENT_TROUBLE_MS,
      });
    default:
      return make(...BY_PHASE[phase]);
  }
}

const codeOf = (error: unknown): string => {
  const code = propertyOf(error, 'code');
  return typeof code === 'string' ? code : '';
};

/** OpenSSL's verification results as Node names them (X509_V_ERR_*), and Node's own name check. */
const CERTIFICATE_CODE =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|INVALID_CA$|PATH_LENGTH_EXCEEDED$|INVALID_PURPOSE$|HOSTNAME_MISMATCH$|ERR_TLS_CERT_ALTNAME)/;
const TLS_CODE = /^(ERR_SSL_|ERR_TLS_|EPROTO$)/;

/** An error of node:net or node:tls as ours, by its code. */
export function fromSocketError(cause: unknown): Pop3Error {
  const code = codeOf(cause);
  if (CERTIFICATE_CODE.test(code)) {
    return new Pop3Error('tls', 'TLS_FAILED', `the mail server's certificate is not accepted (${code})`, { cause });
  }
  if (TLS_CODE.test(code)) {
    // No question of trust: such a failure may pass, a bad certificate does not.
    return new Pop3Error('tls', 'TLS_FAILED', `no TLS session could be agreed on (${code})`, {
      cause,
      retryable: true,
    });
  }
  if (code === 'ETIMEDOUT') return new Pop3Error('timeout', 'TIMEOUT', 'the mail server does not answer', { cause });
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new Pop3Error('closed', 'CONNECTION_FAILED', 'the connection to the mail server was lost', { cause });
  }
  return new Pop3Error('unreachable', 'CONNECTION_FAILED', 'the mail server cannot be reached', { cause });
}

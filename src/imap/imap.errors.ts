import { isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';
import { singleLine } from '../mime/clean-text.js';
import { tooManyConnectionsRetryMs } from './imap.limits.js';

/** What a connection was doing; a bare NO means something else at each. */
export type ImapPhase = 'signIn' | 'command';

/** The fields of imapflow's errors and of Node's that say what happened. */
interface RawError {
  readonly code?: unknown;
  readonly responseStatus?: unknown;
  readonly responseText?: unknown;
  readonly response?: unknown;
  readonly serverResponseCode?: unknown;
  readonly authenticationFailed?: unknown;
  readonly tlsFailed?: unknown;
  readonly mailboxMissing?: unknown;
  readonly throttleReset?: unknown;
  readonly reason?: unknown;
}

type Verdict = readonly [ErrorCode, string, { retryable?: boolean; retryAfterMs?: number }?];

const tooMany: Verdict = [
  'RATE_LIMITED',
  'the mail server allows no more connections at the moment',
  { retryAfterMs: tooManyConnectionsRetryMs },
];
const refused: Verdict = ['AUTHENTICATION_FAILED', 'the mail server refused the credentials'];
const temporary: Verdict = ['SERVER_REJECTED', 'the mail server has a temporary problem', { retryable: true }];
const tooMuch: Verdict = ['TOO_LARGE', 'the mail server sent more than is accepted'];
const lost: Verdict = ['CONNECTION_FAILED', 'the connection to the mail server was lost'];
const silent: Verdict = ['TIMEOUT', 'the mail server did not answer in time'];
const notImap: Verdict = ['CONNECTION_FAILED', 'the mail server does not follow the protocol'];
const noTls: Verdict = ['TLS_FAILED', 'the mail server does not offer TLS as the account demands it'];

/** RFC 5530 section 3, and the codes of later extensions. */
const BY_RESPONSE_CODE: Readonly<Record<string, Verdict>> = {
  AUTHENTICATIONFAILED: refused,
  AUTHORIZATIONFAILED: refused,
  EXPIRED: ['AUTHENTICATION_FAILED', 'the mail server says that the credentials have expired'],
  PRIVACYREQUIRED: ['TLS_FAILED', 'the mail server demands an encrypted connection'],
  CONTACTADMIN: ['SERVER_REJECTED', 'the mail server asks to contact its administrator'],
  UNAVAILABLE: temporary,
  INUSE: temporary,
  EXPUNGEISSUED: temporary,
  SERVERBUG: temporary,
  LIMIT: tooMany,
  OVERQUOTA: ['QUOTA_EXCEEDED', 'the quota on the mail server is used up'],
  ALREADYEXISTS: ['CONFLICT', 'the mail server has a mailbox of that name already'],
  NONEXISTENT: ['NOT_FOUND', 'no such mailbox on the mail server'],
  TRYCREATE: ['NOT_FOUND', 'no such mailbox on the mail server'],
  TOOBIG: ['TOO_LARGE', 'the mail server does not accept a message of that size'],
  APPENDLIMIT: ['TOO_LARGE', 'the mail server does not accept a message of that size'],
};

/** imapflow's own codes, and Node's for sockets. */
const BY_ERROR_CODE: Readonly<Record<string, Verdict>> = {
  CONNECT_TIMEOUT: ['TIMEOUT', 'the mail server does not answer'],
  GREETING_TIMEOUT: ['TIMEOUT', 'the mail server accepted the connection and then said nothing'],
  UPGRADE_TIMEOUT: ['TIMEOUT', 'the mail server did not finish the TLS handshake'],
  ETIMEOUT: silent,
  ETIMEDOUT: ['TIMEOUT', 'the mail server does not answer'],
  ETHROTTLE: ['RATE_LIMITED', 'the mail server asks to be left alone for a while'],
  LineTooLarge: tooMuch,
  LiteralTooLarge: tooMuch,
  ResponseTooLarge: tooMuch,
  TooManyTokens: tooMuch,
  TooManyResponses: tooMuch,
  NoConnection: lost,
  EConnectionClosed: lost,
  StateLogout: lost,
  NoMailboxSelected: lost,
  ClosedAfterConnectText: ['CONNECTION_FAILED', 'the mail server closed the connection'],
  ClosedAfterConnectTLS: ['CONNECTION_FAILED', 'the mail server closed the connection'],
  ECONNRESET: lost,
  EPIPE: lost,
  NotFound: ['NOT_FOUND', 'no such mailbox on the mail server'],
  STARTTLS_INJECTION: ['TLS_FAILED', 'something was sent in clear after STARTTLS: somebody sits in between'],
  UnexpectedTag: notImap,
  InvalidResponse: notImap,
  ResponseProcessingFailed: notImap,
  InvalidStringValue: ['INVALID_INPUT', 'a value holds characters that IMAP cannot carry'],
  InvalidTokenValue: ['INVALID_INPUT', 'a value holds characters that IMAP cannot carry'],
};

/** imapflow's parser numbers its complaints. */
const PARSER_CODE = /^ParserError\d*$/;

/** OpenSSL's verification results as Node names them (X509_V_ERR_*), and Node's own name check. */
const CERTIFICATE_CODE =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|INVALID_CA$|PATH_LENGTH_EXCEEDED$|INVALID_PURPOSE$|HOSTNAME_MISMATCH$|ERR_TLS_CERT_ALTNAME)/;
const TLS_CODE = /^(ERR_SSL_|ERR_TLS_|EPROTO$)/;

/** Whatever imapflow or a socket threw, as the one kind of error that crosses the port. */
export function toMailError(error: unknown, phase: ImapPhase): MailError {
  if (isMailError(error)) return error;
  const raw = asRawError(error);
  const [code, message, details = {}] = judge(raw, phase);
  const throttleMs = typeof raw.throttleReset === 'number' ? raw.throttleReset : undefined;
  return new MailError(code, message, { ...details, retryAfterMs: throttleMs ?? details.retryAfterMs, cause: error });
}

/** The server's answer was no IMAP. */
export const isUnreadable = (error: unknown): boolean => PARSER_CODE.test(String(asRawError(error).code));

/** The caller's signal, or a deadline of its own. */
export function abortedBy(reason: unknown): MailError {
  if (isMailError(reason)) return reason;
  if (asRawError(reason).name === 'TimeoutError') return new MailError(silent[0], silent[1], { cause: reason });
  return new MailError('CONNECTION_FAILED', 'the connection was given up', { cause: reason, retryable: true });
}

export const deadlineExceeded = (): MailError => new MailError(silent[0], silent[1]);

/** The mail server's UIDs are not those the message was known by: list the mailbox again. */
export const uidsChanged = (): MailError =>
  new MailError('CONFLICT', 'the mailbox was renumbered on the mail server; it is being read again');

export const unsupported = (message: string): MailError => new MailError('UNSUPPORTED', message);

export const rejected = (message: string): MailError => new MailError('SERVER_REJECTED', message);

function judge(raw: RawError, phase: ImapPhase): Verdict {
  const code = typeof raw.code === 'string' ? raw.code : '';
  if (CERTIFICATE_CODE.test(code)) {
    return ['TLS_FAILED', `the mail server's certificate is not accepted (${code})`];
  }
  // No question of trust: such a failure may pass, a bad certificate does not.
  if (TLS_CODE.test(code)) return ['TLS_FAILED', `no TLS session could be agreed on (${code})`, { retryable: true }];
  if (raw.authenticationFailed === true) return judgeSignIn(raw);
  if (PARSER_CODE.test(code)) return notImap;
  const known = Object.hasOwn(BY_ERROR_CODE, code) ? BY_ERROR_CODE[code] : undefined;
  if (known) return known[0] === 'CONNECTION_FAILED' ? withReason(known, raw) : known;
  if (raw.tlsFailed === true) return noTls;
  if (raw.mailboxMissing === true || saysMissing(raw)) return BY_RESPONSE_CODE.NONEXISTENT!;
  if (typeof raw.responseStatus === 'string') return judgeAnswer(raw, phase);
  // Node's codes for sockets and names: ECONNREFUSED, EHOSTUNREACH, ENOTFOUND …
  if (/^E[A-Z0-9_]+$/.test(code)) {
    return phase === 'signIn' ? ['CONNECTION_FAILED', 'the mail server cannot be reached'] : lost;
  }
  return ['INTERNAL', 'the mail server could not be spoken to'];
}

/** Dovecot 2.3 goes on to list a deleted mailbox that has others below it, and says only in words that it is not there. */
const saysMissing = ({ responseText }: RawError): boolean =>
  typeof responseText === 'string' && responseText.startsWith("Mailbox doesn't exist: ");

/** A refusal without a code is the password's (RFC 9051 section 6.2.3); one without an answer is not the server's at all. */
function judgeSignIn(raw: RawError): Verdict {
  const byCode = responseVerdict(raw);
  if (byCode) return byCode;
  if (raw.responseStatus === 'NO') return refused;
  if (raw.responseStatus === 'BAD') return ['SERVER_REJECTED', 'the mail server did not understand the sign-in'];
  // imapflow makes one of these of Exchange's "User is authenticated but not connected": the mailbox is away, the
  // password is right.
  if (typeof raw.response === 'string') return ['CONNECTION_FAILED', 'signed in, but the mailbox is not available'];
  return ['UNSUPPORTED', 'the mail server offers no way to sign in that could be used'];
}

function judgeAnswer(raw: RawError, phase: ImapPhase): Verdict {
  const byCode = responseVerdict(raw);
  if (byCode) return byCode;
  if (phase === 'signIn') return refused;
  const text = typeof raw.responseText === 'string' ? singleLine(raw.responseText, 200) : '';
  return ['SERVER_REJECTED', `the mail server said no${text && `: ${text}`}`];
}

const responseVerdict = ({ serverResponseCode, response }: RawError): Verdict | undefined => {
  const code = typeof serverResponseCode === 'string' ? serverResponseCode : responseCodeOf(response);
  return code !== undefined && Object.hasOwn(BY_RESPONSE_CODE, code.toUpperCase())
    ? BY_RESPONSE_CODE[code.toUpperCase()]
    : undefined;
};

/** Some of imapflow's commands hand on the parsed response instead of its code. */
function responseCodeOf(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('attributes' in response)) return undefined;
  const attributes: unknown = response.attributes;
  const first: unknown = Array.isArray(attributes) ? attributes[0] : undefined;
  if (typeof first !== 'object' || first === null || !('section' in first)) return undefined;
  const word: unknown = Array.isArray(first.section) ? first.section[0] : undefined;
  if (typeof word !== 'object' || word === null || !('value' in word)) return undefined;
  return typeof word.value === 'string' ? word.value : undefined;
}

/** What the server said in its BYE. */
function withReason([code, message]: Verdict, { reason }: RawError): Verdict {
  const text = typeof reason === 'string' ? singleLine(reason, 200) : '';
  return [code, text === '' ? message : `the mail server closed the connection: ${text}`];
}

const asRawError = (error: unknown): RawError & { readonly name?: unknown } =>
  typeof error === 'object' && error !== null ? error : {};

import { invalidInput } from '../../mailbox/mailbox.errors.js';
import { POP3_LIMITS } from '../pop3.limits.js';

const CRLF = Buffer.from('\r\n');
/** What would end the line early and turn the rest of an argument into a command of its own. */
const LINE_BREAKER = /[\r\n\0]/;

/**
 * Refuses CR, LF and NUL in what becomes part of a command.
 * @param field how the value is called in the input
 * @throws MailError INVALID_INPUT; the value is not in it
 */
export function checkArgument(field: string, value: string): string {
  if (LINE_BREAKER.test(value)) throw invalidInput([field], `${field} must not hold CR, LF or NUL`);
  return value;
}

/**
 * A command line, CRLF included, as UTF-8 (RFC 6856 section 2; the same as ASCII where only that is used).
 * @throws MailError INVALID_INPUT when an argument would break the line or make it longer than RFC 2449 section 4 allows
 */
export function encodeCommand(keyword: string, ...args: readonly string[]): Buffer {
  for (const argument of args) checkArgument(`argument of ${keyword}`, argument);
  const line = Buffer.from(`${[keyword, ...args].join(' ')}\r\n`, 'utf8');
  if (line.length > POP3_LIMITS.commandBytes) {
    throw invalidInput(
      [`argument of ${keyword}`],
      `${keyword} would be longer than ${POP3_LIMITS.commandBytes} octets`,
    );
  }
  return line;
}

/** Message numbers come from this session's own listing only; anything else is our mistake. */
export function encodeMessageCommand(keyword: 'RETR' | 'DELE' | 'TOP', number: number, lines?: number): Buffer {
  if (!Number.isSafeInteger(number) || number < 1) throw new RangeError(`no message number: ${number}`);
  if (lines === undefined) return Buffer.from(`${keyword} ${number}\r\n`, 'latin1');
  if (!Number.isSafeInteger(lines) || lines < 0) throw new RangeError(`no line count: ${lines}`);
  return Buffer.from(`${keyword} ${number} ${lines}\r\n`, 'latin1');
}

/** The answer to a SASL challenge, base64 and CRLF (RFC 5034 section 4); empty octets make an empty line. */
export function encodeSaslResponse(octets: Buffer): Buffer {
  if (octets.length > POP3_LIMITS.saslResponseBytes) throw invalidInput(['secret'], 'the secret is too long');
  return Buffer.concat([Buffer.from(octets.toString('base64'), 'latin1'), CRLF]);
}

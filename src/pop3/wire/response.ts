import { protocolViolation } from '../pop3.errors.js';

export interface StatusReply {
  readonly kind: 'ok' | 'err';
  /** Response code, upper case, without its brackets (RFC 2449 section 8). */
  readonly code?: string;
  /** What follows the status indicator, response code included: printable, at most 400 characters. */
  readonly text: string;
}

interface Challenge {
  readonly kind: 'challenge';
  readonly octets: Buffer;
}

export type Reply = StatusReply | Challenge;

const MAX_TEXT = 400;
const RESPONSE_CODE = /^\[([^\]\s]{1,64})\]/;

/** @param text any bytes as latin1; control and format characters never reach a log or a person */
const printable = (text: string): string =>
  text
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT);

/**
 * Reads a line that must be a reply: `+OK`, `-ERR` or `+ ` in exactly this case, then a blank or the end.
 * @param line without its line ending
 * @throws Pop3Error `protocol` on anything else: a client that guesses here takes a message's own lines for replies
 */
export function parseReply(line: Buffer): Reply {
  const text = line.toString('latin1');
  if (/^\+OK(?=[ \t\r]|$)/.test(text)) return statusReply('ok', text.slice(3));
  if (/^-ERR(?=[ \t\r]|$)/.test(text)) return statusReply('err', text.slice(4));
  if (/^\+( |\r?$)/.test(text)) return { kind: 'challenge', octets: Buffer.from(text.slice(1).trim(), 'base64') };
  throw protocolViolation('a line that is no reply where one is due');
}

function statusReply(kind: StatusReply['kind'], rest: string): StatusReply {
  const text = printable(rest);
  return { kind, code: RESPONSE_CODE.exec(text)?.[1]?.toUpperCase(), text };
}

import { protocolViolation } from './pop3.errors.js';
import { POP3_LIMITS } from './pop3.limits.js';

declare const brand: unique symbol;
/** Unique-id of a message, opaque: one character per octet (latin1), so that equal strings are equal octets. */
export type Uidl = string & { readonly [brand]: 'Uidl' };

export interface Listed<T> {
  readonly number: number;
  /** Undefined where the server's row cannot be made sense of. */
  readonly value: T | undefined;
}

const ROW = /^[ \t]*(\d{1,10})(?:[ \t]+(.*))?$/s;

function parseRow(line: Buffer): { number: number; rest: string } {
  const [, digits, rest = ''] = ROW.exec(line.toString('latin1')) ?? [];
  const number = Number(digits);
  if (!(number >= 1)) throw protocolViolation('a listing row without a message number');
  return { number, rest };
}

/** A decimal number of octets; undefined for what is negative, absent or beyond exact numbers. */
export function parseSize(text: string | undefined): number | undefined {
  const size = /^\d+$/.test(text ?? '') ? Number(text) : Number.NaN;
  return Number.isSafeInteger(size) ? size : undefined;
}

/** `number size …` (RFC 1939 section 5). A senseless size costs only that row its size; LIST sizes are hints anyway. */
export function parseListRow(line: Buffer): Listed<number> {
  const { number, rest } = parseRow(line);
  return { number, value: parseSize(rest.split(/[ \t]/, 1)[0]) };
}

/**
 * `number unique-id` (RFC 1939 section 7), taken as it is: servers send blanks inside, octets above 127, more than 70 of them and
 * two blanks before it. An empty or endless one is no identity.
 */
export function parseUidlRow(line: Buffer): Listed<Uidl> {
  const { number, rest } = parseRow(line);
  const usable = rest.length >= 1 && rest.length <= POP3_LIMITS.uidlBytes;
  return { number, value: usable ? (rest as Uidl) : undefined };
}

import { parseBodystructure } from 'imapflow/lib/tools.js';
import { readEnvelope } from './fetch-envelope.js';
import { readStructure } from './fetch-structure.js';
import type { FetchedRow } from './imap.mapping.js';
import { ResponseCursor, type Token } from './response-cursor.js';

const maxUint32 = 0xffff_ffff;

/**
 * Reads an untagged FETCH response (RFC 9051 section 7.5.2) as imapflow does, at a tenth of the cost: a first synchronisation is
 * little else. It knows the ordinary response alone, in ASCII and with the items of a synchronisation.
 * @param line without its end; a literal stands in it as its size alone
 * @param literals of the line, in order
 * @returns undefined for any other line, which is imapflow's to read; without imapflow's `id`, a UID of 0 where there was none
 */
export function readFetchLine(line: Buffer, literals: readonly Buffer[]): FetchedRow | undefined {
  // "* 1 FETCH (" at the least; other lines are told by their first octets.
  if (line.length < 13 || line[0] !== STAR || line[1] !== SPACE || !isDigit(line[2]!)) return undefined;
  return readRow(line.toString('latin1'), literals);
}

const SPACE = 0x20;
const STAR = 0x2a;

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

function readRow(text: string, literals: readonly Buffer[]): FetchedRow | undefined {
  const [start, seq] = /^\* (\d{1,10}) FETCH \(/.exec(text) ?? [];
  if (start === undefined || !(Number(seq) > 0 && Number(seq) <= maxUint32)) return undefined;
  const cursor = new ResponseCursor(text, literals);
  cursor.skip(start.length);
  const row: Writable<FetchedRow> = { seq: Number(seq), uid: 0 };
  do {
    const name = cursor.itemName();
    if (name === undefined || !cursor.passes(' ') || !readItem(row, name, cursor)) return undefined;
  } while (cursor.passes(' '));
  return cursor.passes(')') && cursor.ended ? row : undefined;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** @returns false for an item that is unknown, or is not what it should be */
function readItem(row: Writable<FetchedRow>, name: string, cursor: ResponseCursor): boolean {
  if (name === 'ENVELOPE') return (row.envelope = readEnvelope(cursor)) !== undefined;
  if (name === 'BODYSTRUCTURE' && readOrdinaryStructure(row, cursor)) return true;
  const value = cursor.value(1);
  return value !== undefined && put(row, name, value);
}

/** The cursor stays where it was before one that is not. */
function readOrdinaryStructure(row: Writable<FetchedRow>, cursor: ResponseCursor): boolean {
  const ahead = cursor.fork();
  const structure = readStructure(ahead);
  if (!structure) return false;
  row.bodyStructure = structure;
  cursor.join(ahead);
  return true;
}

function put(row: Writable<FetchedRow>, name: string, value: Token): boolean {
  switch (name) {
    case 'UID':
      row.uid = numberOf(value, 10) ?? 0;
      return row.uid > 0 && row.uid <= maxUint32;
    case 'MODSEQ':
      return (row.modseq = modSeqOf(value)) !== undefined;
    case 'FLAGS':
      return (row.flags = setOf(value)) !== undefined;
    case 'INTERNALDATE': {
      const text = textOf(value);
      if (text === undefined) return false;
      row.internalDate = new Date(text);
      return !Number.isNaN(row.internalDate.getTime());
    }
    case 'RFC822.SIZE':
      return (row.size = numberOf(value, 15)) !== undefined;
    case 'BODYSTRUCTURE':
      if (!Array.isArray(value)) return false;
      row.bodyStructure = parseBodystructure(value);
      return true;
    case 'EMAILID':
      return (row.emailId = idOf(value)) !== undefined;
    case 'THREADID':
      return value === null || (row.threadId = idOf(value)) !== undefined;
    case 'X-GM-MSGID':
      return (row.emailId = textOf(value)) !== undefined;
    case 'X-GM-THRID':
      return (row.threadId = textOf(value)) !== undefined;
    case 'X-GM-LABELS':
      row.labels = setOf(value);
      // In modified UTF-7 (RFC 3501 section 5.1.3).
      return row.labels !== undefined && ![...row.labels].some((label) => label.includes('&'));
    default:
      return name.startsWith('BODY[HEADER.FIELDS (') && (row.headers = octetsOf(value)) !== undefined;
  }
}

const textOf = (token: Token | undefined): string | undefined =>
  token && !Array.isArray(token) && typeof token.value === 'string' ? token.value : undefined;

function numberOf(token: Token, maxDigits: number): number | undefined {
  const text = textOf(token);
  return text !== undefined && text.length <= maxDigits && /^\d+$/.test(text) ? Number(text) : undefined;
}

function octetsOf(token: Token): Buffer | undefined {
  if (!token || Array.isArray(token)) return undefined;
  return typeof token.value === 'string' ? Buffer.from(token.value) : token.value;
}

const idOf = (token: Token): string | undefined =>
  Array.isArray(token) && token.length === 1 ? textOf(token[0]) : undefined;

function modSeqOf(token: Token): bigint | undefined {
  const text = idOf(token);
  return text !== undefined && /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}

function setOf(token: Token): Set<string> | undefined {
  if (!Array.isArray(token)) return undefined;
  const set = new Set<string>();
  for (const each of token) {
    const text = textOf(each);
    if (text === undefined) return undefined;
    set.add(text);
  }
  return set;
}

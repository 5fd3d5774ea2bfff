import { parseBodystructure, parseEnvelope } from 'imapflow/lib/tools.js';
import type { FetchedRow } from './imap.mapping.js';

/** As imapflow's own reader gives them, so that it can be asked to make sense of an envelope or a structure. */
type Token = { readonly type: string; readonly value: string | Buffer } | null | Token[];

const maxDepth = 40;
const maxTokens = 20_000;
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
  return new FetchLine(line.toString('latin1'), literals).read();
}

const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const STAR = 0x2a;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const DELETE = 0x7f;

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** What ends an atom or cannot stand in one here: SP ( ) { } % * " [ ] and controls. */
const endsAtom = new Uint8Array(256).map((_, code) =>
  code <= SPACE || code >= DELETE || '(){}%*"[]'.includes(String.fromCharCode(code)) ? 1 : 0,
);

/** One line; `undefined` from any of its methods means that it is not ordinary. */
class FetchLine {
  private at = 0;
  private tokens = 0;
  private literalsRead = 0;

  constructor(
    private readonly text: string,
    private readonly literals: readonly Buffer[],
  ) {}

  read(): FetchedRow | undefined {
    const [start, seq] = /^\* (\d{1,10}) FETCH \(/.exec(this.text) ?? [];
    if (start === undefined || !(Number(seq) > 0 && Number(seq) <= maxUint32)) return undefined;
    this.at = start.length;
    const row: Writable<FetchedRow> = { seq: Number(seq), uid: 0 };
    for (;;) {
      const name = this.itemName();
      if (name === undefined || this.text.charCodeAt(this.at++) !== SPACE) return undefined;
      const value = this.value(1);
      if (value === undefined || !put(row, name, value)) return undefined;
      const after = this.text.charCodeAt(this.at++);
      if (after === CLOSE) break;
      if (after !== SPACE) return undefined;
    }
    return this.at === this.text.length ? row : undefined;
  }

  /** With its section, if it has one. */
  private itemName(): string | undefined {
    const start = this.at;
    this.skipAtom();
    if (this.text[this.at] === '[') {
      const end = this.text.indexOf(']', this.at);
      if (end === -1) return undefined;
      this.at = end + 1;
    }
    return this.text.slice(start, this.at).toUpperCase();
  }

  private value(depth: number): Token | undefined {
    if (depth > maxDepth || ++this.tokens > maxTokens) return undefined;
    switch (this.text.charCodeAt(this.at)) {
      case OPEN:
        return this.list(depth);
      case QUOTE:
        return this.quoted();
      case BRACE:
        return this.literal();
      default:
        return this.atom();
    }
  }

  private list(depth: number): Token[] | undefined {
    const list: Token[] = [];
    this.at += 1;
    if (this.text.charCodeAt(this.at) === CLOSE) {
      this.at += 1;
      return list;
    }
    for (;;) {
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      list.push(value);
      const after = this.text.charCodeAt(this.at);
      if (after === CLOSE) break;
      // Lists in a list have no space between them.
      if (after === SPACE) this.at += 1;
      else if (after !== OPEN || !Array.isArray(value)) return undefined;
    }
    this.at += 1;
    return list;
  }

  private quoted(): Token | undefined {
    const { text } = this;
    const start = this.at + 1;
    let escaped = false;
    let end = start;
    for (; ; end += 1) {
      let code = text.charCodeAt(end);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        escaped = true;
        end += 1;
        code = text.charCodeAt(end);
        if (code !== QUOTE && code !== BACKSLASH) return undefined;
      }
      // Not ASCII, or the end of the line.
      if (!(code >= SPACE && code < DELETE)) return undefined;
    }
    this.at = end + 1;
    const value = text.slice(start, end);
    return { type: 'STRING', value: escaped ? value.replace(/\\(["\\])/g, '$1') : value };
  }

  private literal(): Token | undefined {
    const [size, octets] = /^\{(\d{1,10})\}\r\n/.exec(this.text.slice(this.at, this.at + 14)) ?? [];
    const value = this.literals[this.literalsRead];
    if (size === undefined || value?.length !== Number(octets)) return undefined;
    this.literalsRead += 1;
    this.at += size.length;
    return { type: 'LITERAL', value };
  }

  private atom(): Token | undefined {
    const start = this.at;
    // A flag of the server's own begins with one.
    if (this.text.charCodeAt(start) === BACKSLASH) this.at += 1;
    this.skipAtom();
    const value = this.text.slice(start, this.at);
    if (value === '' || value === '\\') return undefined;
    return value.length === 3 && value.toUpperCase() === 'NIL' ? null : { type: 'ATOM', value };
  }

  private skipAtom(): void {
    const { text } = this;
    while (endsAtom[text.charCodeAt(this.at)] === 0 && text.charCodeAt(this.at) !== BACKSLASH) this.at += 1;
  }
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** @returns false for an item that is unknown, or is not what it should be */
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
    case 'ENVELOPE':
      if (!Array.isArray(value)) return false;
      row.envelope = parseEnvelope(value);
      return true;
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

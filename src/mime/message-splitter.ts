import { asBuffer } from './byte-source.js';
import { readContentHeaders, type ContentHeaders } from './content-headers.js';
import { findDelimiter, type Delimiter } from './delimiter.js';
import { splitHeader } from './header-fields.js';
import { MAX_BOUNDARY_BYTES, MAX_DEPTH, MAX_HEADER_BYTES, MAX_PARTS, MAX_PREAMBLE_BYTES } from './mime.limits.js';
import { childNumber, embeddedNumber, rootNumber } from './part-numbers.js';
import type { Warnings } from './warnings.js';

/** An open node of the MIME tree. */
export interface Entity {
  readonly parent: Entity | undefined;
  readonly headers: ContentHeaders;
  /** As IMAP numbers it; see `part-numbers.ts`. */
  readonly partNumber: string;
  /** `leaf`: its body is opaque. `message`: its body is one entity. `multipart`: split at its boundary. */
  readonly kind: 'leaf' | 'message' | 'multipart';
}

/** What a message falls into. The octets of all tokens, in order, are exactly those of the message. */
export type Token =
  | { readonly kind: 'open'; readonly entity: Entity; /** Offset of the body in the message. */ readonly at: number }
  /** Of the innermost open leaf. */
  | { readonly kind: 'body'; readonly octets: Buffer }
  /** Headers, delimiters, and what stands around parts. */
  | { readonly kind: 'frame'; readonly octets: Buffer }
  | { readonly kind: 'close'; readonly entity: Entity; /** Offset after the body. */ readonly at: number };

interface OpenEntity extends Entity {
  /** Until the closing delimiter of a multipart has been seen (RFC 2046 section 5.1.1). */
  boundary: Buffer | undefined;
  children: number;
  /** A multipart's octets so far, while no delimiter has come; undefined when they became too many. */
  preamble: Buffer[] | undefined;
  preambleBytes: number;
  readonly bodyAt: number;
}

const LF = 10;
const CR = 13;
const DASH = 45;
// As much of a line must be in sight as decides whether it is a delimiter: CR LF before, two dashes, boundary, two dashes.
const LOOKAHEAD = MAX_BOUNDARY_BYTES + 8;
const NEXT_LINE_DASHES = Buffer.from('\n--');

/**
 * Splits a message into its entities while it streams by, holding never more than one header section and a few octets.
 *
 * mailsplit, which mailparser uses, is not used here: it ends with an error at its limits where we must give what there
 * is, it counts parts another way than IMAP, gives no offsets, and reads octet by octet where this searches (20 times as
 * fast on a large attachment). Delimiters are found as Dovecot finds them, so that both protocols show the same parts.
 */
export class MessageSplitter {
  private readonly open: OpenEntity[] = [];
  private tokens: Token[] = [];
  private state: 'start' | 'header' | 'body' | 'rest-of-line' = 'start';
  private rest: Buffer = Buffer.alloc(0);
  /** Octets given out in tokens so far. */
  private offset = 0;
  private lineStart = true;
  /** Whether a part begins after the delimiter line that is being read. */
  private nextPart = false;
  private header: Buffer[] = [];
  private headerBytes = 0;
  private parts = 0;

  constructor(private readonly warnings: Warnings) {}

  /** @returns what the octets so far have settled; valid until the caller reuses the chunk */
  write(chunk: Uint8Array): Token[] {
    this.advance(asBuffer(chunk), false);
    return this.take();
  }

  /** The message has no more octets. */
  end(): Token[] {
    this.advance(Buffer.alloc(0), true);
    // More than once where the header says that a message begins here.
    while (this.state === 'start' || this.state === 'header') this.headerDone();
    if (this.open.some((entity) => entity.boundary)) this.warnings.add('multipart ends without its closing delimiter');
    this.closeDownTo(0);
    return this.take();
  }

  private advance(chunk: Buffer, final: boolean): void {
    const window = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const next = this.step(window, at, final);
      if (next === undefined) break;
      at = next;
    }
    this.rest = Buffer.from(window.subarray(at));
  }

  private take(): Token[] {
    const tokens = this.tokens;
    this.tokens = [];
    return tokens;
  }

  /** @returns where to go on, or undefined when more octets are needed */
  private step(window: Buffer, at: number, final: boolean): number | undefined {
    switch (this.state) {
      case 'start':
        return this.start(window, at, final);
      case 'header':
        return this.readHeader(window, at, final);
      case 'body':
        return this.readBody(window, at, final);
      case 'rest-of-line':
        return this.skipLine(window, at);
      default:
        return this.state satisfies never;
    }
  }

  /** Text without any header is text; taken for one header section it would never be seen. */
  private start(window: Buffer, at: number, final: boolean): number | undefined {
    const lf = window.indexOf(LF);
    if (lf === -1 && window.length < LOOKAHEAD && !final) return undefined;
    const line = window.toString('latin1', 0, Math.min(lf === -1 ? window.length : lf, 1000)).trimEnd();
    this.state = 'header';
    if (line === '' || /^[!-9;-~]{1,200}[ \t]*:/.test(line) || /^>?From /.test(line)) return at;
    this.warnings.add('message has no header: all of it is shown as text');
    this.headerDone();
    return at;
  }

  private readHeader(window: Buffer, from: number, final: boolean): number | undefined {
    let at = from;
    while (at < window.length) {
      const lf = window.indexOf(LF, at);
      if (this.lineStart) {
        if (lf === -1 && window.length - at < LOOKAHEAD && !final) break;
        const delimiter = this.delimiterAt(window, at);
        if (delimiter || isEmptyLine(window, at)) return this.endHeader(window, from, at, delimiter);
      }
      this.lineStart = lf !== -1;
      at = lf === -1 ? window.length : lf + 1;
    }
    this.keepHeader(window.subarray(from, at));
    return at > from ? at : undefined;
  }

  private endHeader(window: Buffer, from: number, at: number, delimiter: Delimiter | undefined): number {
    // A part may end before its header does: then it has no body.
    const end = delimiter ? at : window.indexOf(LF, at) + 1;
    this.keepHeader(window.subarray(from, end));
    this.lineStart = true;
    this.headerDone();
    return delimiter ? this.atDelimiter(window, at, at, delimiter) : end;
  }

  private keepHeader(octets: Buffer): void {
    if (octets.length === 0) return;
    this.frame(octets);
    const room = MAX_HEADER_BYTES + 1 - this.headerBytes;
    if (room > 0) this.header.push(octets.subarray(0, room));
    this.headerBytes += octets.length;
    if (this.header.length > 500) this.header = [Buffer.concat(this.header)];
  }

  private headerDone(): void {
    const { fields, cut } = splitHeader(Buffer.concat(this.header));
    if (cut) this.warnings.add('header section is too long: only its start was read');
    this.header = [];
    this.headerBytes = 0;
    this.state = 'body';
    const parent = this.open.at(-1);
    this.push(readContentHeaders(fields, parent?.headers.contentType === 'multipart/digest'));
  }

  private push(declared: ContentHeaders): void {
    const parent = this.open.at(-1);
    const kind = this.kindOf(declared);
    const lost = kind === 'leaf' && declared.contentType.startsWith('multipart/');
    if (lost && declared.boundary === undefined) this.warnings.add('multipart without a boundary is shown as text');
    // What cannot be split is text to read (no boundary) or octets to keep (too deep).
    const shownAs = declared.boundary === undefined ? 'text/plain' : 'application/octet-stream';
    const headers = lost ? { ...declared, contentType: shownAs } : declared;
    this.openEntity({
      parent,
      headers,
      kind,
      partNumber: numberOf(parent, kind),
      boundary: kind === 'multipart' ? Buffer.from(`--${declared.boundary ?? ''}`, 'latin1') : undefined,
      children: 0,
      preamble: [],
      preambleBytes: 0,
      bodyAt: this.offset,
    });
    if (kind === 'message') this.state = 'header';
  }

  private openEntity(entity: OpenEntity): void {
    const parent = this.open.at(-1);
    if (parent) parent.children += 1;
    this.parts += 1;
    this.open.push(entity);
    this.tokens.push({ kind: 'open', entity, at: entity.bodyAt });
  }

  private kindOf({ contentType, boundary, encoding }: ContentHeaders): Entity['kind'] {
    const multipart = contentType.startsWith('multipart/') && boundary !== undefined;
    // RFC 2046 section 5.2.1 and RFC 6532: what is encoded after all can be kept, but not read on the way.
    const message =
      (contentType === 'message/rfc822' || contentType === 'message/global') && !/base64|quoted|uu/.test(encoding);
    if (!multipart && !message) return 'leaf';
    if (this.open.length >= MAX_DEPTH || this.parts >= MAX_PARTS) {
      this.warnings.add('too many parts, or too deep in each other: the rest was not read');
      return 'leaf';
    }
    return multipart ? 'multipart' : 'message';
  }

  private readBody(window: Buffer, at: number, final: boolean): number | undefined {
    if (at >= window.length) return undefined;
    if (!this.open.some((entity) => entity.boundary)) return this.body(window, at, window.length);
    if (this.lineStart) {
      if (!final && !isDecided(window, at)) return undefined;
      const delimiter = this.delimiterAt(window, at);
      if (delimiter) return this.atDelimiter(window, at, at, delimiter);
      this.lineStart = false;
    }
    return this.searchBody(window, at, final);
  }

  /** To the next line that starts with two dashes; the line end before a delimiter belongs to it. */
  private searchBody(window: Buffer, from: number, final: boolean): number | undefined {
    let lf = window.indexOf(NEXT_LINE_DASHES, from);
    for (; lf !== -1; lf = window.indexOf(NEXT_LINE_DASHES, lf + 1)) {
      const end = lf > from && window[lf - 1] === CR ? lf - 1 : lf;
      if (!final && !isDecided(window, lf + 1)) return end > from ? this.body(window, from, end) : undefined;
      const delimiter = this.delimiterAt(window, lf + 1);
      if (delimiter) return this.atDelimiter(window, this.body(window, from, end), lf + 1, delimiter);
    }
    const end = final ? window.length : undecidedTail(window, from);
    return end > from ? this.body(window, from, end) : undefined;
  }

  private body(window: Buffer, from: number, to: number): number {
    const octets = window.subarray(from, to);
    const entity = this.open.at(-1);
    if (octets.length === 0) return to;
    if (entity?.kind === 'leaf') {
      this.tokens.push({ kind: 'body', octets });
      this.offset += octets.length;
    } else if (entity?.preamble && entity.preambleBytes + octets.length <= MAX_PREAMBLE_BYTES) {
      entity.preamble.push(Buffer.from(octets));
      entity.preambleBytes += octets.length;
    } else {
      if (entity) this.dropPreamble(entity);
      this.frame(octets);
    }
    return to;
  }

  private delimiterAt(window: Buffer, at: number): Delimiter | undefined {
    if (window[at] !== DASH || window[at + 1] !== DASH) return undefined;
    return findDelimiter(window, at, this.open);
  }

  /**
   * @param from start of what belongs to the delimiter: its line, or the line end before it
   * @param at   the two dashes
   */
  private atDelimiter(window: Buffer, from: number, at: number, { index, closes, sizeBytes }: Delimiter): number {
    this.closeDownTo(index + 1);
    const owner = this.open[index];
    if (!owner) return at;
    this.dropPreamble(owner);
    this.frame(window.subarray(from, at + sizeBytes));
    this.state = 'rest-of-line';
    if (closes) owner.boundary = undefined;
    this.nextPart = !closes && this.roomForPart();
    return at + sizeBytes;
  }

  private roomForPart(): boolean {
    if (this.parts < MAX_PARTS && this.open.length < MAX_DEPTH) return true;
    this.warnings.add('too many parts, or too deep in each other: the rest was not read');
    return false;
  }

  private skipLine(window: Buffer, at: number): number | undefined {
    if (at >= window.length) return undefined;
    const lf = window.indexOf(LF, at);
    const end = lf === -1 ? window.length : lf + 1;
    this.frame(window.subarray(at, end));
    if (lf === -1) return end;
    this.lineStart = true;
    this.state = this.nextPart ? 'header' : 'body';
    return end;
  }

  private closeDownTo(depth: number): void {
    while (this.open.length > depth) {
      const entity = this.open.at(-1);
      if (entity?.kind === 'multipart' && entity.children === 0) this.preambleAsText(entity);
      this.open.pop();
      if (entity) this.tokens.push({ kind: 'close', entity, at: this.offset });
    }
  }

  /** No delimiter came: what stands there is the text (IMAP servers show an empty text part, and the text is lost). */
  private preambleAsText(parent: OpenEntity): void {
    const octets = parent.preamble ? Buffer.concat(parent.preamble) : Buffer.alloc(0);
    parent.preamble = undefined;
    this.warnings.add('multipart without any part: what it holds is shown as text');
    const headers: ContentHeaders = { contentType: 'text/plain', encoding: parent.headers.encoding };
    const text = { headers, kind: 'leaf', boundary: undefined, preamble: undefined, preambleBytes: 0 } as const;
    const partNumber = numberOf(parent, 'leaf');
    this.openEntity({ ...text, parent, partNumber, children: 0, bodyAt: this.offset });
    if (octets.length > 0) this.tokens.push({ kind: 'body', octets });
    this.offset += octets.length;
    const entity = this.open.pop();
    if (entity) this.tokens.push({ kind: 'close', entity, at: this.offset });
  }

  private dropPreamble(entity: OpenEntity): void {
    for (const octets of entity.preamble ?? []) this.frame(octets);
    entity.preamble = undefined;
  }

  private frame(octets: Buffer): void {
    if (octets.length === 0) return;
    this.tokens.push({ kind: 'frame', octets });
    this.offset += octets.length;
  }
}

function numberOf(parent: OpenEntity | undefined, kind: Entity['kind']): string {
  if (!parent) return rootNumber(kind === 'multipart');
  if (parent.kind === 'message') return embeddedNumber(parent.partNumber, kind === 'multipart');
  return childNumber(parent.partNumber, parent.children + 1);
}

function isEmptyLine(window: Buffer, at: number): boolean {
  return window[at] === LF || (window[at] === CR && window[at + 1] === LF);
}

/** Whether enough of a line is in sight to tell if it is a delimiter. */
function isDecided(window: Buffer, lineAt: number): boolean {
  return window.length - lineAt >= LOOKAHEAD || window.indexOf(LF, lineAt) !== -1;
}

/** Where a line end starts that a delimiter may yet follow. */
function undecidedTail(window: Buffer, from: number): number {
  let at = window.length;
  if (at > from && window[at - 1] === DASH) at -= 1;
  if (at > from && window[at - 1] === LF) at -= 1;
  else if (window[window.length - 1] === DASH) return window.length;
  if (at > from && window[at - 1] === CR) at -= 1;
  return at;
}

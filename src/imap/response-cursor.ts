/** As imapflow's own reader gives them, so that it can be asked to make sense of a structure. */
export type Token = { readonly type: string; readonly value: string | Buffer } | null | Token[];

/** Of lists in lists, and of parts in parts. */
export const maxDepth = 40;
const maxTokens = 20_000;

const SPACE = 0x20;
const QUOTE = 0x22;
export const OPEN = 0x28;
export const CLOSE = 0x29;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const DELETE = 0x7f;

/** What ends an atom or cannot stand in one here: SP ( ) { } % * " [ ] and controls. */
const endsAtom = new Uint8Array(256).map((_, code) =>
  code <= SPACE || code >= DELETE || '(){}%*"[]'.includes(String.fromCharCode(code)) ? 1 : 0,
);

/**
 * A place in a response, and readers of what may stand there (RFC 9051 section 9). `undefined` from any of them means that it is
 * not ordinary: the line is to be read by somebody else, and the cursor is of no use any more.
 */
export class ResponseCursor {
  private at = 0;
  private tokens = 0;
  private literalsRead = 0;

  /** @param text of the line in latin1; a literal stands in it as its size alone */
  constructor(
    private readonly text: string,
    private readonly literals: readonly Buffer[],
  ) {}

  get ended(): boolean {
    return this.at === this.text.length;
  }

  /** Of what stands here; NaN at the end. */
  get code(): number {
    return this.text.charCodeAt(this.at);
  }

  skip(chars: number): void {
    this.at += chars;
  }

  /** @returns whether it stood here; only then it is passed */
  passes(text: string): boolean {
    const stands = this.text.startsWith(text, this.at);
    if (stands) this.at += text.length;
    return stands;
  }

  get position(): number {
    return this.at;
  }

  /** A cursor at the same place. */
  fork(): ResponseCursor {
    const copy = new ResponseCursor(this.text, this.literals);
    [copy.at, copy.tokens, copy.literalsRead] = [this.at, this.tokens, this.literalsRead];
    return copy;
  }

  /** To the place of a fork of this one. */
  join({ at, tokens, literalsRead }: ResponseCursor): void {
    [this.at, this.tokens, this.literalsRead] = [at, tokens, literalsRead];
  }

  /** What was passed since the cursor was at `start`; undefined where text does not say all, because there was a literal in it. */
  textFrom(start: number): string | undefined {
    const text = this.text.slice(start, this.at);
    return text.includes('{') ? undefined : text;
  }

  /** With its section, if it has one; in upper case. */
  itemName(): string | undefined {
    const start = this.at;
    this.skipAtom();
    if (this.text[this.at] === '[') {
      const end = this.text.indexOf(']', this.at);
      if (end === -1) return undefined;
      this.at = end + 1;
    }
    return this.text.slice(start, this.at).toUpperCase();
  }

  value(depth: number): Token | undefined {
    if (depth > maxDepth || !this.countToken()) return undefined;
    switch (this.code) {
      case OPEN:
        return this.list(depth);
      case QUOTE: {
        const value = this.quoted();
        return value === undefined ? undefined : { type: 'STRING', value };
      }
      case BRACE: {
        const value = this.literal();
        return value && { type: 'LITERAL', value };
      }
      default:
        return this.atom();
    }
  }

  /** @returns null for NIL */
  nstring(): string | null | undefined {
    if (!this.countToken()) return undefined;
    switch (this.code) {
      case QUOTE:
        return this.quoted();
      case BRACE:
        return this.literal()?.toString();
      default:
        return this.nil() ? null : undefined;
    }
  }

  /** @returns whether it stood here; only then it is passed */
  nil(): boolean {
    const { text, at } = this;
    if (endsAtom[text.charCodeAt(at + 3)] === 0 || text.slice(at, at + 3).toUpperCase() !== 'NIL') return false;
    this.at += 3;
    return true;
  }

  /** Of no more than 15 digits, so that none is lost. */
  number(): number | undefined {
    const start = this.at;
    for (let code = this.code; code >= 0x30 && code <= 0x39; code = this.code) this.at += 1;
    const isWhole = this.at > start && this.at - start <= 15 && endsAtom[this.code] === 1;
    return isWhole && this.countToken() ? Number(this.text.slice(start, this.at)) : undefined;
  }

  private countToken(): boolean {
    return ++this.tokens <= maxTokens;
  }

  private list(depth: number): Token[] | undefined {
    const list: Token[] = [];
    this.at += 1;
    if (this.code === CLOSE) {
      this.at += 1;
      return list;
    }
    for (;;) {
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      list.push(value);
      const after = this.code;
      if (after === CLOSE) break;
      // Lists in a list have no space between them.
      if (after === SPACE) this.at += 1;
      else if (after !== OPEN || !Array.isArray(value)) return undefined;
    }
    this.at += 1;
    return list;
  }

  private quoted(): string | undefined {
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
    return escaped ? value.replace(/\\(["\\])/g, '$1') : value;
  }

  private literal(): Buffer | undefined {
    const [size, octets] = /^\{(\d{1,10})\}\r\n/.exec(this.text.slice(this.at, this.at + 14)) ?? [];
    const value = this.literals[this.literalsRead];
    if (size === undefined || value?.length !== Number(octets)) return undefined;
    this.literalsRead += 1;
    this.at += size.length;
    return value;
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

import type { LineEnding } from './line-decoder.js';

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

const enum State {
  MidLine,
  AfterCr,
  LineStart,
  AfterDot,
  AfterDotCr,
}

const CRLF_DOT = Buffer.from('\r\n.');
const LF_DOT = Buffer.from('\n.');
const LONE_CR = Buffer.from('\r');

/**
 * Takes the octets of a message out of a multi-line response (RFC 1939 section 3): removes the dot a server puts before a line
 * that begins with one, and finds the terminator, wherever the chunks are cut. Nothing else is changed, and the CRLF before the
 * terminator belongs to the message. Holds no octets: they are passed on as slices of the chunk they came in.
 *
 * Only the session's own line ending ends a line. A bare LF in a CRLF session is content: a message that holds `\n.\n` would
 * otherwise end early, and the lines after it, written by whoever sent the message, would be taken for the server's replies.
 */
export class BodyDecoder {
  private state = State.LineStart;
  private readonly fastNeedle: Buffer;

  constructor(
    private readonly ending: LineEnding,
    private readonly onOctets: (octets: Buffer) => void,
  ) {
    this.fastNeedle = ending === 'CRLF' ? CRLF_DOT : LF_DOT;
  }

  /** @returns the position after the terminator, or -1 when the message goes on after this chunk */
  push(chunk: Buffer, start: number): number {
    let position = start;
    /** Where the octets begin that are content and not passed on yet. */
    let from = start;
    while (position < chunk.length) {
      if (this.state === State.MidLine) {
        position = this.skipToDot(chunk, position);
        continue;
      }
      const octet = chunk[position]!;
      if (this.state === State.LineStart && octet === DOT) {
        this.emit(chunk, from, position);
        from = position + 1;
        this.state = State.AfterDot;
      } else if (this.state === State.AfterDot && this.endsAfterDot(octet)) {
        return position + 1;
      } else if (this.state === State.AfterDot && octet === CR && this.ending === 'CRLF') {
        from = position + 1;
        this.state = State.AfterDotCr;
      } else if (this.state === State.AfterDotCr && octet === LF) {
        return position + 1;
      } else {
        if (this.state === State.AfterDotCr) this.onOctets(LONE_CR);
        this.state = this.afterContent(octet);
      }
      position++;
    }
    this.emit(chunk, from, chunk.length);
    return -1;
  }

  private emit(chunk: Buffer, from: number, to: number): void {
    if (to > from) this.onOctets(chunk.subarray(from, to));
  }

  private endsAfterDot(octet: number): boolean {
    return this.ending === 'LF' && octet === LF;
  }

  /** State after an octet of content that did not stand in mid-line. */
  private afterContent(octet: number): State {
    if (this.ending === 'LF') return octet === LF ? State.LineStart : State.MidLine;
    if (octet === CR) return State.AfterCr;
    return octet === LF && this.state === State.AfterCr ? State.LineStart : State.MidLine;
  }

  /** The fast path: in mid-line only a line end with a dot after it matters, and that the native search finds. */
  private skipToDot(chunk: Buffer, position: number): number {
    const found = chunk.indexOf(this.fastNeedle, position);
    if (found !== -1) {
      this.state = State.LineStart;
      return found + this.fastNeedle.length - 1;
    }
    this.state = this.stateAtEnd(chunk, position);
    return chunk.length;
  }

  private stateAtEnd(chunk: Buffer, position: number): State {
    const last = chunk.at(-1);
    if (this.ending === 'LF') return last === LF ? State.LineStart : State.MidLine;
    if (last === CR) return State.AfterCr;
    // The CR must be one of the octets in mid-line: one before them was judged already.
    const hasCrLf = last === LF && chunk.length - position >= 2 && chunk.at(-2) === CR;
    return hasCrLf ? State.LineStart : State.MidLine;
  }
}

export interface WireLine {
  /** As latin1, without its end, cut; a literal stands in it as its size alone. */
  readonly text: string;
  /** There was more of it. */
  readonly cut: boolean;
  /** Of the whole line, its literals included. */
  readonly octets: number;
}

const LF = 0x0a;
/** `{4294967295+}` and its line end, with room. */
const literalHeaderChars = 32;
const literalHeader = /\{(\d{1,15})\+?\}\r?\n$/;

/**
 * Cuts a stream of IMAP into lines (RFC 9051 section 2.2), a literal being part of its line (section 4.3). Of a line no more is
 * kept than its beginning, however long it is, so that it costs little to look on while much is read.
 */
export class WireLines {
  /** How much of a line is kept. */
  keepChars = 500;
  private text = '';
  private octets = 0;
  /** The end of the physical line so far: a literal's size may stand there. */
  private tail = '';
  private literalOctets = 0;

  constructor(private readonly onLine: (line: WireLine) => void) {}

  push(chunk: Buffer): void {
    let position = 0;
    while (position < chunk.length) {
      if (this.literalOctets > 0) position = this.skip(chunk, position);
      else position = this.take(chunk, position);
    }
  }

  private skip(chunk: Buffer, position: number): number {
    const octets = Math.min(this.literalOctets, chunk.length - position);
    this.literalOctets -= octets;
    this.octets += octets;
    return position + octets;
  }

  private take(chunk: Buffer, position: number): number {
    const lineEnd = chunk.indexOf(LF, position);
    const end = lineEnd === -1 ? chunk.length : lineEnd + 1;
    const room = this.keepChars + 2 - this.text.length;
    if (room > 0) this.text += chunk.toString('latin1', position, Math.min(end, position + room));
    const tail = chunk.toString('latin1', Math.max(position, end - literalHeaderChars), end);
    this.tail = tail.length === literalHeaderChars ? tail : (this.tail + tail).slice(-literalHeaderChars);
    this.octets += end - position;
    if (lineEnd !== -1) this.endPhysicalLine();
    return end;
  }

  private endPhysicalLine(): void {
    const [, size] = literalHeader.exec(this.tail) ?? [];
    this.tail = '';
    this.text = this.text.replace(/\r?\n$/, '');
    if (size !== undefined) {
      this.literalOctets = Number(size);
      this.text += ' ';
      return;
    }
    const cut = this.text.length > this.keepChars;
    const line = { text: cut ? this.text.slice(0, this.keepChars) : this.text, cut, octets: this.octets };
    this.text = '';
    this.octets = 0;
    this.onLine(line);
  }
}

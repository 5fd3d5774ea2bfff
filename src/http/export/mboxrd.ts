import type { ExportedMessage } from '../../mailbox/mailbox-export.service.js';

const LF = 0x0a;
const QUOTE = 0x3e;
const FROM = Buffer.from('From ');
const quoteMark = Buffer.from('>');
const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The empty line that RFC 4155 wants behind a message. */
const emptyLine = Buffer.from('\n');
/** Behind a message whose last line has no end: a line end that is not the message's, and the empty line spelt so that this is seen. */
const endAndEmptyLine = Buffer.from('\n\r\n');

/**
 * `application/mbox` (RFC 4155) in the variant mboxrd, from which the octets can be had back exactly: line ends are left as they
 * are, every line that begins with `From ` behind any number of `>` gets one `>` more, header lines too, and what follows the
 * message is `\n`, or `\n\r\n` where the message does not end with a line end.
 */
export async function* toMboxrd(messages: AsyncIterable<ExportedMessage>): AsyncGenerator<Buffer> {
  for await (const { message, octets } of messages) {
    yield Buffer.from(`From MAILER-DAEMON ${asctime(message.internalDate)}\n`);
    const quoter = new MboxrdQuoter();
    for await (const chunk of octets) yield quoter.quote(chunk);
    yield quoter.end();
  }
}

/** Quotes one message that comes in pieces, however they are cut. */
export class MboxrdQuoter {
  /** What was given out ends within the `>`s that a line begins with, or at its beginning. */
  private atLineStart = true;
  private lastOctet: number | undefined;
  /** Kept back: it may be the beginning of `From `. */
  private held: Buffer = Buffer.alloc(0);

  quote(chunk: Buffer): Buffer {
    const octets = this.held.length > 0 ? Buffer.concat([this.held, chunk]) : chunk;
    const end = octets.length - heldBack(octets);
    this.held = octets.subarray(end);
    return this.quoted(octets.subarray(0, end));
  }

  /** The rest, and what separates the message from the next one. */
  end(): Buffer {
    const rest = this.quoted(this.held);
    this.held = Buffer.alloc(0);
    return Buffer.concat([rest, this.lastOctet === LF ? emptyLine : endAndEmptyLine]);
  }

  private quoted(octets: Buffer): Buffer {
    if (octets.length === 0) return octets;
    const pieces: Buffer[] = [];
    let done = 0;
    for (let at = octets.indexOf(FROM); at >= 0; at = octets.indexOf(FROM, at + FROM.length)) {
      if (!this.beginsLine(octets, at)) continue;
      pieces.push(octets.subarray(done, at), quoteMark);
      done = at;
    }
    this.atLineStart = this.beginsLine(octets, octets.length);
    this.lastOctet = octets.at(-1);
    return pieces.length === 0 ? octets : Buffer.concat([...pieces, octets.subarray(done)]);
  }

  /** Whether nothing but `>` stands between the beginning of the line and `at`. */
  private beginsLine(octets: Buffer, at: number): boolean {
    let before = at - 1;
    while (before >= 0 && octets[before] === QUOTE) before -= 1;
    return before < 0 ? this.atLineStart : octets[before] === LF;
  }
}

/** How many octets at the end may be the beginning of `From `. */
function heldBack(octets: Buffer): number {
  for (let length = Math.min(FROM.length - 1, octets.length); length > 0; length -= 1) {
    if (octets.subarray(-length).equals(FROM.subarray(0, length))) return length;
  }
  return 0;
}

/** In UTC, as C's asctime writes it (RFC 4155 appendix A). */
function asctime(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = String(date.getUTCDate()).padStart(2, ' ');
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':');
  return `${days[date.getUTCDay()]} ${months[date.getUTCMonth()]} ${day} ${time} ${date.getUTCFullYear()}`;
}

import { asBuffer, type ByteSource } from './byte-source.js';

const EQUALS = 61;
const LF = 10;
const CR = 13;
const SP = 32;
const TAB = 9;
/** A quoted-printable line is at most 76 octets (RFC 2045 section 6.7); one without end is cut here. */
const MAX_LINE_BYTES = 64 * 1024;

interface Decoder {
  write(chunk: Buffer): Buffer;
  end(): Buffer;
}

/**
 * Undoes the Content-Transfer-Encoding of a part (RFC 2045 section 6) while it streams by; broken encodings give what
 * can be read of them. Unknown ones, and uuencode, pass as they are.
 * @param encoding lower case; 7bit, 8bit and binary pass unchanged
 */
export async function* decodePart(encoded: ByteSource, encoding?: string): AsyncGenerator<Buffer, void, undefined> {
  const decoder = createDecoder(encoding);
  for await (const chunk of encoded) {
    const octets = decoder ? decoder.write(asBuffer(chunk)) : asBuffer(chunk);
    if (octets.length > 0) yield octets;
  }
  const last = decoder?.end();
  if (last?.length) yield last;
}

/** The same for octets that stand in memory. */
export function decodeOctets(encoded: Buffer, encoding?: string): Buffer {
  const decoder = createDecoder(encoding);
  return decoder ? Buffer.concat([decoder.write(encoded), decoder.end()]) : encoded;
}

function createDecoder(encoding: string | undefined): Decoder | undefined {
  if (encoding === 'base64') return new Base64Decoder();
  return encoding === 'quoted-printable' ? new QuotedPrintableDecoder() : undefined;
}

class Base64Decoder implements Decoder {
  private rest = '';

  // Padding may stand in the middle: some programs join encoded pieces. Each run up to its padding is decoded alone.
  write(chunk: Buffer): Buffer {
    const runs = (this.rest + chunk.toString('latin1').replace(/[^A-Za-z0-9+/=]+/g, '')).split(/=+/);
    const last = runs.pop() ?? '';
    const whole = last.length - (last.length % 4);
    this.rest = last.slice(whole);
    const decoded = [...runs, last.slice(0, whole)].filter(Boolean).map((run) => Buffer.from(run, 'base64'));
    return decoded.length === 1 && decoded[0] ? decoded[0] : Buffer.concat(decoded);
  }

  end(): Buffer {
    const last = Buffer.from(this.rest, 'base64');
    this.rest = '';
    return last;
  }
}

class QuotedPrintableDecoder implements Decoder {
  private rest: Buffer = Buffer.alloc(0);

  write(chunk: Buffer): Buffer {
    const window = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    const end = wholeLines(window);
    this.rest = Buffer.from(window.subarray(end));
    return decodeQuotedPrintable(window.subarray(0, end));
  }

  end(): Buffer {
    const last = decodeQuotedPrintable(this.rest);
    this.rest = Buffer.alloc(0);
    return last;
  }
}

function wholeLines(window: Buffer): number {
  const end = window.lastIndexOf(LF) + 1;
  if (window.length - end <= MAX_LINE_BYTES) return end;
  // Not between an equals sign and what it stands for, a line end after blanks too.
  let text = window.length;
  while (text > 0 && isBlank(window[text - 1])) text -= 1;
  const equals = window.lastIndexOf(EQUALS);
  return equals > 0 && equals >= Math.min(text - 1, window.length - 2) ? equals : window.length;
}

const isBlank = (octet: number | undefined): boolean => octet === SP || octet === TAB;

/** Octet by octet: patterns for the blanks at line ends take quadratic time on a line made of blanks. */
function decodeQuotedPrintable(encoded: Buffer): Buffer {
  const out = Buffer.allocUnsafe(encoded.length);
  let size = 0;
  let blanks = 0;
  let at = 0;
  while (at < encoded.length) {
    const octet = encoded[at] ?? 0;
    if (octet === EQUALS) {
      const next = softBreakEnd(encoded, at + 1);
      const value = next === undefined ? hexPair(encoded, at + 1) : undefined;
      if (next === undefined) out[size++] = value ?? EQUALS;
      at = next ?? at + (value === undefined ? 1 : 3);
      blanks = 0;
      continue;
    }
    // Blanks before a line end were added on the way (RFC 2045 section 6.7, rule 3).
    if (octet === LF || (octet === CR && encoded[at + 1] === LF)) size -= blanks;
    blanks = isBlank(octet) ? blanks + 1 : 0;
    out[size++] = octet;
    at += 1;
  }
  return out.subarray(0, size);
}

/** After the line end that an equals sign takes away, blanks before it too; undefined where none follows. */
function softBreakEnd(encoded: Buffer, from: number): number | undefined {
  let at = from;
  while (isBlank(encoded[at])) at += 1;
  if (encoded[at] === CR && encoded[at + 1] === LF) return at + 2;
  return encoded[at] === LF || at >= encoded.length ? at + 1 : undefined;
}

function hexPair(encoded: Buffer, at: number): number | undefined {
  const high = hexDigit(encoded[at]);
  const low = hexDigit(encoded[at + 1]);
  return high === undefined || low === undefined ? undefined : high * 16 + low;
}

function hexDigit(octet = 0): number | undefined {
  if (octet >= 48 && octet <= 57) return octet - 48;
  const letter = octet & 0xdf;
  return letter >= 65 && letter <= 70 ? letter - 55 : undefined;
}

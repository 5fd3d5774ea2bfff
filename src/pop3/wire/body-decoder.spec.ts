import { describe, expect, it } from '@jest/globals';
import { BodyDecoder } from './body-decoder.js';
import type { LineEnding } from './line-decoder.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What a correct server sends for these octets: dots doubled at line starts, a final line ending, the terminator. */
function encode(content: Buffer, ending: LineEnding): Buffer {
  const end = ending === 'CRLF' ? '\r\n' : '\n';
  const text = content.toString('latin1');
  const stuffed = text.split(end).map((line) => (line.startsWith('.') ? `.${line}` : line));
  const body = stuffed.join(end);
  return bytes(body === '' || body.endsWith(end) ? `${body}.${end}` : `${body}${end}.${end}`);
}

/** What the receiver must end up with: the octets, ended by a line ending if there are any. */
function ended(content: Buffer, ending: LineEnding): Buffer {
  const end = bytes(ending === 'CRLF' ? '\r\n' : '\n');
  const has = content.length === 0 || content.subarray(-end.length).equals(end);
  return has ? content : Buffer.concat([content, end]);
}

/** Decodes chunk by chunk. @returns the octets, and what came after the terminator */
function decode(chunks: readonly Buffer[], ending: LineEnding = 'CRLF'): { octets: Buffer; after?: string } {
  const out: Buffer[] = [];
  const decoder = new BodyDecoder(ending, (octets) => out.push(Buffer.from(octets)));
  for (const [index, chunk] of chunks.entries()) {
    const end = decoder.push(chunk, 0);
    if (end === -1) continue;
    const after = Buffer.concat([chunk.subarray(end), ...chunks.slice(index + 1)]).toString('latin1');
    return { octets: Buffer.concat(out), after };
  }
  return { octets: Buffer.concat(out) };
}

const decodeText = (...chunks: readonly string[]): string => {
  const { octets, after } = decode(chunks.map(bytes));
  if (after === undefined) throw new Error('no end seen');
  return `${octets.toString('latin1')}|${after}`;
};

/** Small and fast; the seed is in the failure. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

const PIECES = [
  '\r',
  '\n',
  '.',
  '\r\n',
  '\r\n.',
  '\n.',
  '..',
  '.\r\n',
  '\r\r\n',
  '\n.\r\n+OK',
  '\0',
  '\xff',
  'a',
  'text ',
];

function randomContent(random: (below: number) => number): Buffer {
  let text = '';
  for (let count = random(14); count > 0; count--) text += PIECES[random(PIECES.length)];
  return bytes(text);
}

function randomChunks(stream: Buffer, random: (below: number) => number): Buffer[] {
  const chunks: Buffer[] = [];
  const longest = 1 + random(12);
  for (let from = 0; from < stream.length;) {
    const to = from + 1 + random(longest);
    chunks.push(stream.subarray(from, to));
    from = to;
  }
  return chunks;
}

describe('BodyDecoder', () => {
  it.each([
    ['an empty message', '.\r\n+OK', '|+OK'],
    ['one line', 'a\r\n.\r\n', 'a\r\n|'],
    ['a stuffed dot', '..\r\n.\r\n', '.\r\n|'],
    ['a stuffed line', '...a\r\n.\r\n', '..a\r\n|'],
    ['a dot not doubled, as RFC 1939 section 3 reads it', '.a\r\n.\r\n', 'a\r\n|'],
    ['dots in mid-line', 'a.\r\nb..c\r\n.\r\n', 'a.\r\nb..c\r\n|'],
    ['an empty line before the end', '\r\n.\r\n', '\r\n|'],
    ['CR CR LF', 'a\r\r\n.\r\n', 'a\r\r\n|'],
    ['a stuffed dot before CR CR LF', '..\r\r\n.\r\n', '.\r\r\n|'],
    ['a dot, a CR and no LF', '.\ra\r\n.\r\n', '\ra\r\n|'],
  ])('takes %s', (_what, wire, wanted) => {
    expect(decodeText(wire)).toBe(wanted);
    expect(decodeText(...wire.split(''))).toBe(wanted);
  });

  it('case 3: finds the terminator wherever it is cut', () => {
    const wire = 'line\r\n..dot\r\n.\r\n+OK';
    for (let cut = 1; cut < wire.length; cut++) {
      expect(decodeText(wire.slice(0, cut), wire.slice(cut))).toBe('line\r\n.dot\r\n|+OK');
    }
  });

  it('case 4: takes a segment that is a lone dot, or a dot and CRLF, in mid-line', () => {
    expect(decodeText('a', '.', 'b\r\n', '.\r\n')).toBe('a.b\r\n|');
    expect(decodeText('a', '.\r\n', 'b\r\n.', '\r\n')).toBe('a.\r\nb\r\n|');
    expect(decodeText('a\r\n', '..', '\r\n', '.\r\n')).toBe('a\r\n.\r\n|');
  });

  it('case 6: a bare LF ends no line', () => {
    expect(decodeText('a\n.\nb\n.\r\n+OK fake\r\n.\r\n')).toBe('a\n.\nb\n.\r\n+OK fake\r\n|');
    expect(decodeText(...'a\n.\nb\n.\r\n+OK fake\r\n.\r\n'.split(''))).toBe('a\n.\nb\n.\r\n+OK fake\r\n|');
  });

  it('reads a server that ends its lines in LF', () => {
    const { octets, after } = decode([bytes('a\r\n..\n.'), bytes('\n+OK')], 'LF');
    expect(octets.toString()).toBe('a\r\n.\n');
    expect(after).toBe('+OK');
  });

  it('gives 200,000 random contents back unaltered, cut at random places', () => {
    const seed = (Math.random() * 2 ** 32) >>> 0;
    const random = randomFrom(seed);
    for (let run = 0; run < 200_000; run++) {
      const ending = run % 10 === 9 ? 'LF' : 'CRLF';
      const content = randomContent(random);
      const wire = Buffer.concat([encode(content, ending), bytes('+OK next')]);
      const { octets, after } = decode(randomChunks(wire, random), ending);
      if (after === '+OK next' && octets.equals(ended(content, ending))) continue;
      expect({ seed, run, content, octets, after }).toEqual({ octets: ended(content, ending), after: '+OK next' });
    }
  }, 30_000);

  it('case 5: keeps every octet value, and a line of 3 MB', () => {
    const all = Buffer.from(Array.from({ length: 256 * 3 }, (_, index) => index % 256));
    const long = Buffer.concat([all, Buffer.alloc(3 << 20, 'x'), all, bytes('\r\n')]);
    const wire = encode(long, 'CRLF');
    const chunks: Buffer[] = [];
    for (let from = 0; from < wire.length; from += 65_536) chunks.push(wire.subarray(from, from + 65_536));
    expect(decode(chunks).octets.equals(long)).toBe(true);
  });

  it('passes octets on without copying them', () => {
    const chunk = bytes('some text\r\nmore');
    const seen: Buffer[] = [];
    new BodyDecoder('CRLF', (octets) => seen.push(octets)).push(chunk, 0);
    expect(seen).toHaveLength(1);
    expect(seen[0]!.buffer).toBe(chunk.buffer);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readMboxrd } from '../../../test/factories/exports.js';
import { MboxrdQuoter } from './mboxrd.js';

function quote(chunks: readonly Buffer[]): Buffer {
  const quoter = new MboxrdQuoter();
  return Buffer.concat([...chunks.map((chunk) => quoter.quote(chunk)), quoter.end()]);
}
const quoteText = (text: string): string => quote([Buffer.from(text, 'latin1')]).toString('latin1');

/** What is near the rules, and anything else. */
const piece = fc.oneof(
  fc.constantFrom('From ', 'From', '>From ', '>', '>>', 'F', 'rom ', '\n', '\r\n', '\r', '\n\n', '\0', ' ', 'x'),
  fc.uint8Array({ maxLength: 12 }).map((octets) => Buffer.from(octets).toString('latin1')),
);
const message = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'));

function split(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b), octets.length];
  return places.slice(1).map((end, i) => octets.subarray(places[i], end));
}

describe('mboxrd', () => {
  it('quotes every line that could be taken for the beginning of a message, and no other', () => {
    expect(quoteText('From me\nFromage\n>From x\n>>From\n From \nsaid: From y\n')).toBe(
      '>From me\nFromage\n>>From x\n>>From\n From \nsaid: From y\n\n',
    );
  });

  it('leaves line ends as they are and sets each message off by an empty line', () => {
    expect(quoteText('a\r\nb\nc\r\n')).toBe('a\r\nb\nc\r\n\n');
    expect(quoteText('a')).toBe('a\n\r\n');
    expect(quoteText('a\r')).toBe('a\r\n\r\n');
    expect(quoteText('')).toBe('\n\r\n');
  });

  it('is undone exactly, whatever the octets and however they are cut', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 8 });
    fc.assert(
      fc.property(message, cuts, (octets, places) => {
        const quoted = quote(split(octets, places));
        expect(quoted).toEqual(quote([octets]));
        expect(/(?:^|\n)From /.test(quoted.toString('latin1'))).toBe(false);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        const file = messages.flatMap((octets) => [Buffer.from('From x Thu Jan  1 00:00:00 1970\n'), quote([octets])]);
        expect(readMboxrd(Buffer.concat(file))).toEqual(messages);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes time in proportion to the octets, even of nothing but marks', () => {
    const marks = Buffer.alloc(4_000_000, '>');
    const began = performance.now();
    expect(quote([marks, Buffer.from('From '), marks]).length).toBe(8_000_005 + 1 + 3);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

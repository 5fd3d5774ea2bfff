import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pack, unpack } from './packed-lines.js';

describe('packed lines', () => {
  it('come out as they went in, whatever they say', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 2_000 }), (text) => {
        expect(unpack(pack(Buffer.from(text)))).toBe(text);
      }),
    );
  });

  it('take a fifth of the room, if they are what is said once a minute', () => {
    const minute = (n: number): string =>
      [
        `C: DONE`,
        `S: ${n} OK Idle completed (60.001 + 59.999 + 60.000 secs).`,
        `C: ${n} LIST "" "*"`,
        `C: IDLE`,
      ].join();
    const text = Array.from({ length: 12 }, (_, n) => minute(n)).join('\n');
    expect(pack(Buffer.from(text)).length).toBeLessThan(text.length / 5);
  });
});

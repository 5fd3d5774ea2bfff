import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LineDecoder } from './line-decoder.js';

/** Feeds the chunks. @returns the lines that were complete */
function linesOf(chunks: readonly string[], decoder = new LineDecoder(100)): string[] {
  const lines: string[] = [];
  for (const chunk of chunks.map((text) => Buffer.from(text, 'latin1'))) {
    for (let position = 0; position < chunk.length; position = decoder.position) {
      const line = decoder.next(chunk, position);
      if (line) lines.push(line.toString('latin1'));
    }
  }
  return lines;
}

describe('LineDecoder', () => {
  it('gives the same lines however they are cut', () => {
    const line = fc.string({ unit: fc.constantFrom('a', '.', ' ', '\r', '\xff', '\0'), maxLength: 20 });
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), fc.infiniteStream(fc.nat({ max: 5 })), (lines, sizes) => {
        const wire = lines.map((text) => `${text}\r\n`).join('');
        const chunks: string[] = [];
        for (let from = 0; from < wire.length;) {
          const to = from + 1 + sizes.next().value!;
          chunks.push(wire.slice(from, to));
          from = to;
        }
        expect(linesOf(chunks)).toEqual(lines);
      }),
    );
  });

  it('learns from the first line how lines end', () => {
    const decoder = new LineDecoder(100);
    expect(linesOf(['+OK\n', '-ERR\n'], decoder)).toEqual(['+OK', '-ERR']);
    expect(decoder.ending).toBe('LF');
  });

  it.each([
    ['a bare LF after CRLF', ['+OK\r\n', 'x\n']],
    ['CRLF after a bare LF', ['+OK\n', 'x\r\n']],
  ])('refuses %s', (_what, chunks) => {
    expect(() => linesOf(chunks)).toThrow(expect.objectContaining({ failure: 'protocol' }));
  });

  it('case 22: refuses a line without end, in one piece or in many', () => {
    const limit = expect.objectContaining({ failure: 'limit', code: 'TOO_LARGE' });
    expect(() => linesOf(['x'.repeat(101)])).toThrow(limit);
    expect(() => linesOf(Array.from({ length: 101 }, () => 'x'))).toThrow(limit);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeOctets, decodePart } from './transfer-encoding.js';

async function decode(encoded: Uint8Array, encoding: string, chunkBytes: number): Promise<Buffer> {
  function* chunks(): Generator<Uint8Array> {
    for (let at = 0; at < encoded.length; at += chunkBytes) yield encoded.subarray(at, at + chunkBytes);
  }
  const out: Buffer[] = [];
  for await (const octets of decodePart(chunks(), encoding)) out.push(octets);
  return Buffer.concat(out);
}

const text = (encoded: string, encoding: string): string =>
  decodeOctets(Buffer.from(encoded, 'latin1'), encoding).toString('latin1');

function encodeQuotedPrintable(octets: Uint8Array): string {
  let line = '';
  let out = '';
  for (const octet of octets) {
    const piece = octet >= 33 && octet <= 126 && octet !== 61 ? String.fromCharCode(octet) : `=${hex(octet)}`;
    if (line.length + piece.length > 75) {
      out += `${line}=\r\n`;
      line = '';
    }
    line += piece;
  }
  return out + line;
}

const hex = (octet: number): string => octet.toString(16).toUpperCase().padStart(2, '0');

describe('decodePart', () => {
  it('undoes base64 in chunks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 100 }), async (octets, size) => {
        const lines = Buffer.from(octets)
          .toString('base64')
          .replace(/.{1,76}/g, '$&\r\n');
        expect(await decode(Buffer.from(lines), 'base64', size)).toEqual(Buffer.from(octets));
      }),
    );
  });

  it('undoes quoted-printable in chunks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 100 }), async (octets, size) => {
        const lines = Buffer.from(encodeQuotedPrintable(octets));
        expect(await decode(lines, 'quoted-printable', size)).toEqual(Buffer.from(octets));
      }),
    );
  });

  it('gives the same for any octets, however they arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.constantFrom('=', '=\r\n', '= \n', ' ', '\t', '\r', '\n', 'A', '4', '==', 'aGk=', '\xff', '=4', '=zz'),
        ),
        fc.constantFrom('base64', 'quoted-printable'),
        fc.integer({ min: 1, max: 9 }),
        async (pieces, encoding, size) => {
          const encoded = Buffer.from(pieces.join(''), 'latin1');
          expect(await decode(encoded, encoding, size)).toEqual(decodeOctets(encoded, encoding));
        },
      ),
    );
  });

  it.each([
    ['aGVs\r\nbG8=', 'hello'],
    ['a G*V-s\0bG8', 'hello'],
    ['aGVsbG8', 'hello'],
    ['aGVsbG8=IQ==', 'hello!'],
    ['====', ''],
    ['a', ''],
  ])('reads the base64 %j as %j', (encoded, expected) => {
    expect(text(encoded, 'base64')).toBe(expected);
  });

  it.each([
    ['a=20b=3D=e9', 'a b=\xe9'],
    ['soft =\r\nbreak', 'soft break'],
    ['soft = \t\r\nbreak=\nlf', 'soft breaklf'],
    ['blanks at the end  \t\r\nnext ', 'blanks at the end\r\nnext '],
    ['kept=20\r\n', 'kept \r\n'],
    ['broken =ZZ =4', 'broken =ZZ =4'],
    ['end=', 'end'],
    ['8-bit \xe9', '8-bit \xe9'],
  ])('reads the quoted-printable %j as %j', (encoded, expected) => {
    expect(text(encoded, 'quoted-printable')).toBe(expected);
  });

  it.each(['7bit', '8bit', 'binary', 'x-uuencode', 'nonsense'])('lets %s pass', async (encoding) => {
    const octets = Buffer.from('=20 begin 644\r\n\xff\0', 'latin1');
    expect(await decode(octets, encoding, 3)).toEqual(octets);
  });

  it('holds little of a line that never ends', async () => {
    let given = 0;
    let largest = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (let i = 0; i < 300; i += 1) yield Buffer.alloc(10_000, i % 2 ? ' ' : '=41');
    }
    for await (const octets of decodePart(endless(), 'quoted-printable')) {
      given += octets.length;
      largest = Math.max(largest, octets.length);
    }
    expect(given).toBeGreaterThan(1_900_000);
    expect(largest).toBeLessThan(100_000);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Part } from '../mailbox/model/message.js';
import { MAX_DEPTH, MAX_PARTS } from './mime.limits.js';
import { MessageSplitter, type Token } from './message-splitter.js';
import { parseStructure } from './parse-structure.js';
import { partStream } from './part-stream.js';
import { Warnings } from './warnings.js';

const crlf = (lines: readonly string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1');

/** Number, type and size of every part, outermost first. */
function outline(part: Part): string[] {
  return [`${part.partNumber} ${part.contentType} ${part.sizeBytes}`, ...part.parts.flatMap(outline)];
}

function allParts(part: Part): Part[] {
  return [part, ...part.parts.flatMap(allParts)];
}

async function bodyOf(message: Buffer, partNumber: string, chunkBytes = 7): Promise<string> {
  const out: Buffer[] = [];
  for await (const octets of partStream(inChunks(message, chunkBytes), partNumber)) out.push(octets);
  return Buffer.concat(out).toString('latin1');
}

function* inChunks(message: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < message.length; at += size) yield message.subarray(at, at + size);
}

const NESTED = crlf([
  'Content-Type: multipart/mixed; boundary=a',
  '',
  'preamble',
  '--a',
  'Content-Type: multipart/alternative; boundary="a1"',
  '',
  '--a1',
  '',
  'plain',
  '--a1',
  'Content-Type: text/html',
  '',
  '<p>rich</p>',
  '--a1--',
  '',
  '--a',
  'Content-Type: message/rfc822',
  '',
  'Subject: inner',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  '',
  'one',
  '--b',
  'Content-Type: message/rfc822',
  '',
  'Subject: innermost',
  '',
  'text',
  '--b--',
  '--a',
  'Content-Disposition: attachment; filename=x.bin',
  'Content-Transfer-Encoding: base64',
  '',
  'AAEC',
  '--a--',
  'epilogue',
  '',
]);

describe('MessageSplitter', () => {
  it.each([1, 2, 3, 5, 64, 1_000_000])('numbers parts as IMAP does, in chunks of %i', async (size) => {
    const { root, warnings } = await parseStructure(inChunks(NESTED, size));
    expect(outline(root)).toEqual([
      expect.stringMatching(/^ multipart\/mixed \d+$/),
      expect.stringMatching(/^1 multipart\/alternative \d+$/),
      '1.1 text/plain 5',
      '1.2 text/html 11',
      expect.stringMatching(/^2 message\/rfc822 \d+$/),
      expect.stringMatching(/^2\.TEXT multipart\/mixed \d+$/),
      '2.1 text/plain 3',
      '2.2 message/rfc822 26',
      '2.2.1 text/plain 4',
      '3 text/plain 4',
    ]);
    expect(warnings).toEqual([]);
  });

  it.each([
    ['1.1', 'plain'],
    ['1.2', '<p>rich</p>'],
    ['2.1', 'one'],
    ['2.2', 'Subject: innermost\r\n\r\ntext'],
    ['2.2.1', 'text'],
    ['3', 'AAEC'],
    ['1', '--a1\r\n\r\nplain\r\n--a1\r\nContent-Type: text/html\r\n\r\n<p>rich</p>\r\n--a1--\r\n'],
    ['', NESTED.toString('latin1').split('boundary=a\r\n\r\n')[1] ?? ''],
  ])('streams the body of part %j', async (partNumber, expected) => {
    for (const size of [1, 4, 1000]) expect(await bodyOf(NESTED, partNumber, size)).toBe(expected);
  });

  it('says when there is no such part', async () => {
    await expect(bodyOf(NESTED, '9')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('reads no further than the part goes', async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      yield NESTED.subarray(0, NESTED.indexOf('Subject: inner'));
      throw new Error('read on');
    }
    const seen: string[] = [];
    for await (const octets of partStream(endless(), '1.1')) seen.push(octets.toString());
    expect(seen.join('')).toBe('plain');
  });

  it('takes LF for a line end', async () => {
    const message = Buffer.from(NESTED.toString('latin1').replaceAll('\r\n', '\n'));
    const { root } = await parseStructure([message]);
    expect(outline(root)).toEqual(expect.arrayContaining(['1.1 text/plain 5', '2.2.1 text/plain 4']));
  });

  it('gives the parts of a multipart that was cut off', async () => {
    const { root, warnings } = await parseStructure([NESTED.subarray(0, NESTED.indexOf('rich'))]);
    expect(outline(root).slice(2)).toEqual(['1.1 text/plain 5', '1.2 text/html 3']);
    expect(warnings).toEqual(['multipart ends without its closing delimiter']);
  });

  it('tells nested boundaries apart where one begins with the other', async () => {
    const message = crlf([
      'Content-Type: multipart/mixed; boundary=b-1',
      '',
      '--b-1',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      '',
      'x',
      '--b-1',
      '',
      'y',
      '--b-1--',
      '',
    ]);
    const { root } = await parseStructure([message]);
    expect(outline(root).slice(1)).toEqual(['1 multipart/mixed 8', '1.1 text/plain 1', '2 text/plain 1']);
  });

  it.each([
    ['empty', '', '1 text/plain 0', []],
    ['one empty line', '\r\n', '1 text/plain 0', []],
    ['header only', 'Subject: x', '1 text/plain 0', []],
    [
      'no header',
      'just text, see\r\n\r\nmore',
      '1 text/plain 22',
      ['message has no header: all of it is shown as text'],
    ],
    ['mbox line', 'From x@y Tue\r\nSubject: x\r\n\r\nhi', '1 text/plain 2', []],
    ['NUL', 'Content-Type: te\0xt/html\r\n\r\n\0', '1 text/plain 1', []],
    ['type without slash', 'Content-Type: text\r\n\r\nhi', '1 text/plain 2', []],
    [
      'multipart without boundary',
      'Content-Type: multipart/mixed\r\n\r\nhi',
      '1 text/plain 2',
      ['multipart without a boundary is shown as text'],
    ],
  ])('makes one part of a message that is %s', async (_name, message, expected, warnings) => {
    const structure = await parseStructure([Buffer.from(message)]);
    expect(outline(structure.root)).toEqual([expected]);
    expect(structure.warnings).toEqual(warnings);
  });

  it('shows the text of a multipart whose boundary never comes', async () => {
    const message = crlf([
      'Content-Type: multipart/mixed; boundary=lie',
      '',
      '--other',
      '',
      'all the text',
      '--other--',
      '',
    ]);
    const { root, warnings, textPreview } = await parseStructure(inChunks(message, 3));
    expect(outline(root)).toEqual([' multipart/mixed 36', '1 text/plain 36']);
    expect(await bodyOf(message, '1')).toBe('--other\r\n\r\nall the text\r\n--other--\r\n');
    expect(textPreview).toContain('all the text');
    expect(warnings).toContain('multipart without any part: what it holds is shown as text');
  });

  it('takes the parts of a digest for messages', async () => {
    const message = crlf([
      'Content-Type: multipart/digest; boundary=d',
      '',
      '--d',
      '',
      'Subject: a',
      '',
      'hi',
      '--d--',
      '',
    ]);
    const { root } = await parseStructure([message]);
    expect(outline(root).slice(1)).toEqual(['1 message/rfc822 16', '1.1 text/plain 2']);
  });

  it('stops at the limits and still gives a tree', async () => {
    const deep: string[] = [];
    for (let i = 0; i < 10_000; i += 1) deep.push(`Content-Type: multipart/mixed; boundary=b${i}`, '', `--b${i}`);
    const nested = await parseStructure([crlf(deep)]);
    const depth = Math.max(...allParts(nested.root).map((part) => part.partNumber.split('.').length));
    expect(depth).toBeLessThanOrEqual(MAX_DEPTH);
    expect(nested.warnings).toContain('too many parts, or too deep in each other: the rest was not read');

    const wide = [
      'Content-Type: multipart/mixed; boundary=w',
      '',
      ...Array<string>(10_000).fill('--w\r\n\r\nx'),
      '--w--',
      '',
    ];
    const { root, warnings } = await parseStructure([crlf(wide)]);
    expect(allParts(root)).toHaveLength(MAX_PARTS);
    expect(warnings).toEqual(['too many parts, or too deep in each other: the rest was not read']);
  });

  it('cuts a header section of 10 MB and finds the body behind it', async () => {
    const message = crlf(['Subject: x', `X-Long: ${'y'.repeat(10_000_000)}`, '', 'body']);
    const { root, warnings } = await parseStructure(inChunks(message, 65_536));
    expect(outline(root)).toEqual(['1 text/plain 4']);
    expect(warnings).toEqual(['header section is too long: only its start was read']);
  });

  it('loses no octet and gives none twice, whatever it is fed', () => {
    fc.assert(
      fc.property(mimeSoup, fc.integer({ min: 1, max: 40 }), (message, size) => {
        const tokens = split(message, size);
        const octets = tokens.flatMap((token) => ('octets' in token ? [token.octets] : []));
        expect(Buffer.concat(octets).equals(message)).toBe(true);
        const depths = tokens.map((token) => (token.kind === 'open' ? 1 : token.kind === 'close' ? -1 : 0));
        expect(depths.reduce<number>((sum, step) => sum + step, 0)).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  it('gives the same tree however the octets arrive, and every leaf can be read', async () => {
    await fc.assert(
      fc.asyncProperty(mimeSoup, fc.integer({ min: 1, max: 40 }), async (message, size) => {
        const { root } = await parseStructure([message]);
        expect((await parseStructure(inChunks(message, size))).root).toEqual(root);
        for (const part of allParts(root)) {
          const body = await bodyOf(message, part.partNumber, size);
          expect(body).toHaveLength(part.sizeBytes);
          expect(message.toString('latin1')).toContain(body);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('takes any octets at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (octets) => {
        const { root } = await parseStructure([octets]);
        expect(root.partNumber === '' ? root.parts.length : 1).toBeGreaterThan(0);
      }),
    );
  });
});

/** Pieces that mean something in MIME, in any order. */
const mimeSoup = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('\r\n', '\n', '\r', '--a', '--ab', '--', '--a--', '--ab--', '-', ' ') },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          'Content-Type: multipart/mixed; boundary=a\r\n\r\n',
          'Content-Type: multipart/digest; boundary=ab\r\n\r\n--ab\r\n',
          'Content-Type: message/rfc822\r\n\r\n',
          'Content-Type: text/html\r\n',
          '\r\n\r\n',
          '\r\n--a\r\n',
          '\r\n--ab\r\n\r\n',
        ),
      },
      { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
    ),
    { maxLength: 30 },
  )
  .map((pieces) => Buffer.from(pieces.join('')));

function split(message: Buffer, size: number): Token[] {
  const splitter = new MessageSplitter(new Warnings());
  const tokens: Token[] = [];
  // Copies, as the tokens of a chunk are only good until it is reused.
  for (const chunk of inChunks(message, size)) tokens.push(...splitter.write(Buffer.from(chunk)));
  return [...tokens, ...splitter.end()];
}

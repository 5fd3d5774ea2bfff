import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeHeaderFields, readHeader, splitHeader } from './header-fields.js';
import { MAX_ADDRESSES, MAX_FIELD_CHARS, MAX_HEADER_BYTES, MAX_HEADER_FIELDS, MAX_MESSAGE_IDS } from './mime.limits.js';
import { scanHeader, type HeaderScan } from './scan-header.js';

const NOW = new Date('2024-05-06T07:08:09Z');

function scan(...lines: string[]): HeaderScan {
  return scanHeader(Buffer.from(`${lines.join('\r\n')}\r\n\r\nSubject: body\r\n`, 'latin1'), NOW);
}

const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

describe('scanHeader, dates', () => {
  it.each([
    ['Tue, 1 Jul 2003 10:52:37 +0200', '2003-07-01T08:52:37Z'],
    ['Tue,  1 Jul 2003 10:52:37 +0200 (CEST)', '2003-07-01T08:52:37Z'],
    ['1 Jul 2003 10:52 GMT', '2003-07-01T10:52:00Z'],
    ['Tue, 1 Jul 03 10:52:37 EST', '2003-07-01T15:52:37Z'],
    ['Tue, 01 Jul 103 10:52:37 -0000', '2003-07-01T10:52:37Z'],
    ['Tuesday, 01-Jul-03 10:52:37 GMT', '2003-07-01T10:52:37Z'],
    ['Tue Jul  1 10:52:37 2003', '2003-07-01T10:52:37Z'],
    ['Di, 1 Jul 2003 10:52:37 GMT+0200', '2003-07-01T08:52:37Z'],
    ['2003-07-01T10:52:37+02:00', '2003-07-01T08:52:37Z'],
    ['1 Jul 2003 23:59:60 +0000', '2003-07-02T00:00:00Z'],
  ])('reads %s', (value, expected) => {
    expect(scan(`Date: ${value}`).envelope.sentAt).toEqual(new Date(expected));
  });

  it.each([
    '',
    'yesterday',
    'message 1',
    '99 Jul 2003 10:52:37',
    '1 Foo 2003 10:52:37 +0000',
    '1 Jul 0000 10:52:37',
    '5',
  ])('leaves out the date %j and says so', (value) => {
    const { envelope, warnings } = scan(`Date: ${value}`);
    expect(envelope.sentAt).toBeUndefined();
    expect(warnings).toEqual(['Date cannot be read']);
  });

  it('takes the topmost Received date for the internal date', () => {
    const top = 'Received: from a; b by c;\r\n Mon, 6 May 2024 07:00:00 +0000';
    const { internalDate } = scan(top, 'Received: x; Mon, 6 May 2024 06:00:00 +0000');
    expect(internalDate).toEqual(new Date('2024-05-06T07:00:00Z'));
  });

  it.each([
    ['no Received', 'Subject: x', []],
    ['one without date', 'Received: by x', ['date of the Received field cannot be read']],
    ['one from the future', 'Received: x; Mon, 6 May 2034 07:00:00 +0000', ['date of the Received field lies ahead']],
  ])('falls back where there is %s', (_name, line, warnings) => {
    expect(scan(line)).toMatchObject({ internalDate: NOW, warnings });
  });
});

describe('scanHeader, text', () => {
  it.each([
    ['plain', 'plain'],
    ['=?utf-8?Q?Gr=C3=BC=C3=9Fe?=', 'Grüße'],
    ['=?UTF-8?B?R3LDvA==?=\r\n =?UTF-8?B?w59l?= x', 'Grüße x'],
    // One character cut in two by the sender.
    ['=?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=', 'Grüße'],
    ['=?iso-2022-jp?B?GyRCJDMkcyRLJEEkTxsoQg==?=', 'こんにちは'],
    ['=?unknown?Q?a=E9?=', 'a\ufffd'],
    ['=?utf-8?X?abc?=', '=?utf-8?X?abc?='],
    ['=?utf-8?Q?a=00b=0D=0ABcc:_c?=', 'a\ufffdb Bcc: c'],
    [utf8('roh: Grüße'), 'roh: Grüße'],
    ['roh: Gr\xfc\xdfe', 'roh: Grüße'],
    ['folded\r\n\tonce\r\n  twice', 'folded once  twice'],
    ['nul \0 nul', 'nul \ufffd nul'],
  ])('reads the subject %j as %j', (raw, expected) => {
    expect(scan(`Subject: ${raw}`).envelope.subject).toBe(expected);
  });

  it('tells a missing subject from an empty one', () => {
    expect(scan('From: a@b.c').envelope).not.toHaveProperty('subject');
    expect(scan('Subject:').envelope.subject).toBe('');
  });

  it('reads ids with and without brackets, each once, and keeps both ends of a long thread', () => {
    const ids = Array.from({ length: 500 }, (_, i) => `<${i}@x>`);
    const { envelope } = scan(
      'Message-ID: <a@b> (x)',
      'In-Reply-To: Your message <c@d>',
      `References: ${ids.join('\r\n ')}`,
    );
    expect(envelope).toMatchObject({ messageId: 'a@b', inReplyTo: ['c@d'] });
    expect(envelope.references).toHaveLength(MAX_MESSAGE_IDS);
    expect([envelope.references[0], envelope.references.at(-1)]).toEqual(['0@x', '499@x']);
    expect(scan('Message-ID: a@b', 'References: a@b a@b, c@d').envelope).toMatchObject({
      messageId: 'a@b',
      references: ['a@b', 'c@d'],
    });
  });

  it('tells the content type of the whole', () => {
    expect(scan('Content-Type: multipart/mixed; boundary=x').contentType).toBe('multipart/mixed');
    expect(scan('Content-Type: TEXT/HTML; charset="UTF-8"').contentType).toBe('text/html');
    expect(scan('Subject: none').contentType).toBe('text/plain');
  });
});

describe('scanHeader, addresses', () => {
  it.each([
    ['a@example.org', [{ address: 'a@example.org' }]],
    ['Ann Example <a@example.org>', [{ name: 'Ann Example', address: 'a@example.org' }]],
    [
      '"Example, Ann" <a@example.org>, b@c.d',
      [{ name: 'Example, Ann', address: 'a@example.org' }, { address: 'b@c.d' }],
    ],
    ['=?utf-8?Q?J=C3=BCrgen?= <j@example.org>', [{ name: 'Jürgen', address: 'j@example.org' }]],
    [utf8('Jürgen <jürgen@exämple.org>'), [{ name: 'Jürgen', address: 'jürgen@exämple.org' }]],
    ['a@example.org (Ann)', [{ name: 'Ann', address: 'a@example.org' }]],
    ['undisclosed-recipients:;', [{ name: 'undisclosed-recipients' }]],
    ['Team: a@b.c, D <d@e.f>;', [{ name: 'Team' }, { address: 'a@b.c' }, { name: 'D', address: 'd@e.f' }]],
    ['no address at all', [{ name: 'no address at all' }]],
    ['<>', []],
    ['', []],
    // An encoded word is a name, whatever it holds (RFC 2047 section 5).
    ['=?utf-8?Q?ceo=40bank.test?= <x@evil.test>', [{ name: 'ceo@bank.test', address: 'x@evil.test' }]],
    [
      '=?utf-8?Q?=22a=22_=3Cceo=40bank.test=3E=2C?= <x@evil.test>',
      [{ name: '"a" <ceo@bank.test>,', address: 'x@evil.test' }],
    ],
    ['=?utf-8?Q?=E2=80=AEgro.knab?= <x@evil.test>', [{ name: 'gro.knab', address: 'x@evil.test' }]],
    ['a@xn--exmple-cua.org', [{ address: 'a@xn--exmple-cua.org' }]],
  ])('reads %j', (value, expected) => {
    expect(scan(`To: ${value}`).envelope.to).toEqual(expected);
  });

  it('fills in Sender and Reply-To as an IMAP server does', () => {
    const from = [{ address: 'a@b.c' }];
    expect(scan('From: a@b.c').envelope).toMatchObject({ from, sender: from, replyTo: from });
    expect(scan('From: a@b.c', 'Reply-To: r@b.c').envelope.replyTo).toEqual([{ address: 'r@b.c' }]);
  });

  it('reads a field that stands twice as one list', () => {
    expect(scan('To: a@b.c', 'TO: d@e.f').envelope.to).toEqual([{ address: 'a@b.c' }, { address: 'd@e.f' }]);
  });

  it('cuts a list of 20,000 and says so', () => {
    const list = Array.from({ length: 20_000 }, (_, i) => `u${i}@example.org`).join(',\r\n ');
    const { envelope, warnings } = scan(`To: ${list}`, 'Subject: after');
    expect(envelope.to).toHaveLength(MAX_ADDRESSES);
    expect(envelope.to.at(-1)).toEqual({ address: `u${MAX_ADDRESSES - 1}@example.org` });
    expect(warnings).toContain('to: only the first addresses were read');
  });

  it.each(['(', '<', '"', ':', ',', '@', ' ', 'a:', '=?', '\\', '<a@b '])(
    'takes 60,000 of %j in its stride',
    (piece) => {
      const started = performance.now();
      scan(`To: ${piece.repeat(60_000 / piece.length)}`, `Subject: ${piece.repeat(60_000 / piece.length)}`);
      expect(performance.now() - started).toBeLessThan(2000);
    },
  );
});

describe('scanHeader, whatever it is given', () => {
  it('gives text that can be stored', () => {
    const line = fc.tuple(
      fc.constantFrom('From', 'To', 'Subject', 'Date', 'Message-ID', 'References', 'Received', 'Content-Type', 'X'),
      fc.oneof(fc.string({ unit: 'binary' }), fc.string()),
      fc.constantFrom('\r\n', '\n', '\r\n ', '', ';', '=?utf-8?Q?=00?='),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const octets = Buffer.from(lines.map(([name, value, end]) => `${name}: ${value}${end}`).join(''));
        const json = JSON.stringify([scanHeader(octets, NOW), decodeHeaderFields(octets)]);
        expect(json).not.toMatch(/\\u0000|\\ud[89a-f]/);
      }),
    );
  });

  it('knows where the header ends', () => {
    expect(scan('A: b').headerBytes).toBe(8);
    expect(scanHeader(Buffer.from('A: b'), NOW).headerBytes).toBe(4);
    expect(scanHeader(Buffer.from('\r\nA: b\r\n'), NOW)).toMatchObject({
      headerBytes: 2,
      warnings: ['message has no header'],
    });
    expect(scanHeader(Buffer.alloc(0), NOW)).toMatchObject({ headerBytes: 0, internalDate: NOW });
  });

  it('reads no more than its limit of a header of 10 MB', () => {
    const { warnings, envelope } = scan('Subject: early', 'X-Y: 1234\r\n'.repeat(1_000_000).trimEnd(), 'To: late@b.c');
    expect(envelope).toMatchObject({ subject: 'early', to: [] });
    expect(warnings).toEqual(['header section is too long: only its start was read']);
  });
});

describe('decodeHeaderFields', () => {
  it('gives fields in order, unfolded and decoded', () => {
    const raw =
      'Received: a\r\n\tb\r\nSubject: =?utf-8?Q?=C3=BC?=\r\nno field\r\nX-Raw: \xfc\nReceived: c\r\n\r\nBody: no';
    expect(decodeHeaderFields(Buffer.from(raw, 'latin1'))).toEqual([
      { name: 'Received', value: 'a b' },
      { name: 'Subject', value: 'ü' },
      { name: 'X-Raw', value: 'ü' },
      { name: 'Received', value: 'c' },
    ]);
  });

  it('bounds the number of fields and the length of each', () => {
    const fields = decodeHeaderFields(Buffer.from(`X: ${'y'.repeat(100_000)}\r\n${'A: b\r\n'.repeat(10_000)}`));
    expect(fields).toHaveLength(MAX_HEADER_FIELDS);
    expect(fields[0]?.value).toHaveLength(MAX_FIELD_CHARS);
  });
});

describe('readHeader', () => {
  it.each([1, 3, 1000])('takes no more than the header from chunks of %i', async (size) => {
    const message = Buffer.from('A: b\r\nC: d\r\n\r\nbody that is not read');
    let taken = 0;
    function* chunks(): Generator<Buffer> {
      for (; taken < message.length; taken += size) yield message.subarray(taken, taken + size);
    }
    expect((await readHeader(chunks())).toString()).toBe('A: b\r\nC: d\r\n\r\n');
    expect(taken).toBeLessThan(15);
  });

  it('stops at the limit', async () => {
    function* endless(): Generator<Buffer> {
      for (;;) yield Buffer.from('X: y\r\n'.repeat(1000));
    }
    expect((await readHeader(endless())).length).toBeLessThan(MAX_HEADER_BYTES + 6000);
    expect(splitHeader(Buffer.alloc(0))).toEqual({ fields: [], sizeBytes: 0, cut: false });
  });
});

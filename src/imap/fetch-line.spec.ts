import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import parser from 'imapflow/lib/handler/imap-parser.js';
import { formatMessageResponse } from 'imapflow/lib/tools.js';
import { readFetchLine } from './fetch-line.js';
import type { FetchedRow } from './imap.mapping.js';

const SEEN = '* 7 FETCH (UID 9 FLAGS (\\Seen $Forwarded))';
const ENVELOPE =
  '("Mon, 7 Feb 1994 21:52:25 -0800 (PST)" "=?utf-8?q?caf=C3=A9?=" (("Terry \\"T\\" Gray" NIL "gray" "example.org")(NIL NIL "b" "example.org")) ' +
  'NIL NIL ((NIL NIL "team" NIL)(NIL NIL "c" "example.org")(NIL NIL NIL NIL)) NIL NIL "<a@b>" "<c@d>")';
const TEXT = '("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23 NIL NIL NIL NIL)';
const STRUCTURE = `(${TEXT}("image" "png" ("name*0*" "utf-8''a%20" "name*1" "b.png") "<id>" NIL "base64" 4554 NIL ("attachment" ("filename" "x.png")) NIL NIL) "mixed" ("boundary" "x") NIL NIL NIL)`;
const EMBEDDED = `("message" "rfc822" NIL NIL NIL "8bit" 500 ${ENVELOPE} ${TEXT} 12 NIL NIL NIL NIL)`;
const WHOLE =
  `* 12 FETCH (UID 4827313 FLAGS () INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286 ENVELOPE ${ENVELOPE} ` +
  `BODYSTRUCTURE ${STRUCTURE} MODSEQ (624140003) EMAILID (M6d99ac3275bb4e) THREADID NIL BODY[HEADER.FIELDS (REFERENCES)] {4}\r\n)`;

/** What imapflow makes of it; undefined where it makes nothing. */
async function readByImapflow(line: string, literals: readonly Buffer[] = []): Promise<FetchedRow | undefined> {
  try {
    const parsed = await parser(Buffer.from(line, 'latin1'), { literals: [...literals] });
    const mailbox = { path: 'INBOX', uidValidity: 1n } as Parameters<typeof formatMessageResponse>[1];
    const { id: _id, flagColor: _color, ...row } = await formatMessageResponse(parsed, mailbox);
    return row;
  } catch {
    return undefined;
  }
}

const read = (line: string, literals: readonly Buffer[] = []): FetchedRow | undefined =>
  readFetchLine(Buffer.from(line, 'latin1'), literals);

/** imapflow leaves a missing UID away. */
function readHere(line: string, literals: readonly Buffer[] = []): Partial<FetchedRow> | undefined {
  const row = read(line, literals);
  if (row?.uid !== 0) return row;
  const { uid: _uid, ...rest } = row;
  return rest;
}

describe('an ordinary FETCH response is read as imapflow reads it', () => {
  test.each([
    ['flags', SEEN],
    ['without a UID', '* 7 FETCH (FLAGS (\\Seen))'],
    ['no flags at all', '* 7 FETCH (FLAGS () UID 3 MODSEQ (9223372036854775807))'],
    ['a part alone', `* 1 FETCH (UID 1 BODYSTRUCTURE ${TEXT})`],
    [
      'a part with everything',
      `* 1 FETCH (UID 1 BODYSTRUCTURE ${TEXT.replace('NIL NIL NIL NIL)', '"MD5" ("Inline" ("Filename" "=?utf-8?q?=C3=A9?=")) ("en" "de") "x")')})`,
    ],
    ['a language alone', `* 1 FETCH (UID 1 BODYSTRUCTURE ${TEXT.replace('NIL NIL NIL NIL)', 'NIL NIL "en" NIL)')})`],
    ['no extension', `* 1 FETCH (UID 1 BODYSTRUCTURE ${TEXT.replace(' NIL NIL NIL NIL)', ')')})`],
    ['no count of lines', `* 1 FETCH (UID 1 BODYSTRUCTURE ${TEXT.replace(' 23 NIL', ' NIL')})`],
    [
      'odd names of parameters',
      `* 1 FETCH (UID 1 BODYSTRUCTURE ${TEXT.replace('"CHARSET"', '"constructor" "x" "__proto__" "y" "name*0" "z" "a" "b"')})`,
    ],
    [
      'a file name in the style of RFC 2231',
      `* 1 FETCH (UID 1 BODYSTRUCTURE ${TEXT.replace('"CHARSET" "US-ASCII"', '"filename" "utf-8\'\'a%20b"')})`,
    ],
    ['a message in a message', `* 1 FETCH (UID 1 BODYSTRUCTURE ${EMBEDDED})`],
    ['an empty envelope', '* 1 FETCH (UID 1 ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))'],
    ['a quoted NIL', '* 1 FETCH (UID 1 ENVELOPE (NIL "NIL" NIL NIL NIL NIL NIL NIL "" ""))'],
    ['a date that is none', '* 1 FETCH (UID 1 ENVELOPE ("yesterday" "x" NIL NIL NIL NIL NIL NIL NIL NIL))'],
    [
      "Gmail's items",
      '* 1 FETCH (X-GM-THRID 1266894439832287888 X-GM-MSGID 127 X-GM-LABELS (\\Inbox "Two words" Work) UID 4)',
    ],
    ['a header as a string', '* 1 FETCH (UID 2 BODY[HEADER.FIELDS ("References")] "References: <a@b>")'],
  ])('%s', async (_what, line) => {
    expect(readHere(line)).toEqual(await readByImapflow(line));
  });

  test('everything a synchronisation asks for', async () => {
    const literals = [Buffer.from('\r\n\r\n')];
    expect(readHere(WHOLE, literals)).toEqual(await readByImapflow(WHOLE, literals));
  });

  test('literals, in their order', async () => {
    const envelope = '(NIL {3}\r\n (({5}\r\n NIL "a" "b")) NIL NIL NIL NIL NIL NIL NIL)';
    const literals = [Buffer.from('sub'), Buffer.from('caf\u00e9', 'utf8'), Buffer.from('References: <x@y>\r\n\r\n')];
    const line = `* 1 FETCH (UID 1 ENVELOPE ${envelope} BODY[HEADER.FIELDS (References)] {21}\r\n)`;
    expect(readHere(line, literals)).toEqual(await readByImapflow(line, literals));
  });

  test('lists that differ in a literal alone', async () => {
    const envelope = '(NIL NIL (({3}\r\n NIL "a" "b")) (({3}\r\n NIL "a" "b")) NIL NIL NIL NIL NIL NIL)';
    const line = `* 1 FETCH (UID 1 ENVELOPE ${envelope})`;
    const literals = [Buffer.from('Ann'), Buffer.from('Bob')];
    expect(readHere(line, literals)).toEqual(await readByImapflow(line, literals));
  });

  test('the same list again', async () => {
    const list = '(("Ann" NIL "ann" "example.org"))';
    const line = `* 1 FETCH (UID 1 ENVELOPE (NIL NIL ${list} ${list} ${list} ${list}(NIL NIL NIL NIL) NIL NIL NIL NIL))`;
    expect(readHere(line)).toBeUndefined();
    const whole = line.replace('(NIL NIL NIL NIL)', '');
    expect(readHere(whole)).toEqual(await readByImapflow(whole));
  });

  const text = fc.string({ unit: fc.constantFrom(...'aB1 .<>@=?_-()[]{}%*\\"\'/&NIL'.split('')), maxLength: 24 });
  const quoted = text.map((value) => `"${value.replace(/[\\"]/g, '\\$&')}"`);
  const nstring = fc.oneof(fc.constant('NIL'), quoted);
  const list = (of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.oneof(
      fc.constant('NIL'),
      fc.array(of, { minLength: 1, maxLength: 3 }).map((all) => `(${all.join('')})`),
    );
  const address = fc.tuple(nstring, nstring, nstring, nstring).map((all) => `(${all.join(' ')})`);
  const addresses = list(fc.oneof(address, fc.constant('("Ann" NIL "ann" "example.org")')));
  const envelope = fc
    .tuple(nstring, nstring, addresses, addresses, addresses, addresses, addresses, addresses, nstring, nstring)
    .map((all) => `(${all.join(' ')})`);
  const parameters = fc.oneof(
    fc.constant('NIL'),
    fc.array(fc.tuple(quoted, quoted), { minLength: 1, maxLength: 3 }).map((all) => `(${all.flat().join(' ')})`),
  );
  const size = fc.nat().map(String);
  const { structure } = fc.letrec<{ structure: string }>((tie) => ({
    structure: fc.oneof(
      { depthSize: 'small' },
      fc
        .tuple(
          fc.constantFrom('"text"', '"TEXT"', '"image"', 'NIL'),
          nstring,
          parameters,
          nstring,
          nstring,
          nstring,
          size,
          size,
        )
        .map((all) => `(${all.join(' ')} NIL ("attachment" ("filename" "x")) NIL NIL)`),
      fc
        .tuple(fc.array(tie('structure'), { minLength: 1, maxLength: 3 }), nstring, parameters)
        .map(([children, subtype, ...rest]) => `(${children.join('')} ${subtype} ${rest.join(' ')} NIL NIL NIL)`),
      fc.tuple(envelope, tie('structure')).map((all) => `("message" "rfc822" NIL NIL NIL "7bit" 9 ${all.join(' ')} 3)`),
    ),
  }));
  const row = fc
    .record({
      uid: fc.integer({ min: 1, max: 0xffff_ffff }),
      envelope,
      structure,
      keyword: fc.stringMatching(/^[a-z$]{1,8}$/),
    })
    .map(
      (of) =>
        `* 3 FETCH (UID ${of.uid} FLAGS (\\Seen ${of.keyword}) ENVELOPE ${of.envelope} BODYSTRUCTURE ${of.structure} MODSEQ (${of.uid}))`,
    );

  test('any of them', async () => {
    await fc.assert(
      fc.asyncProperty(row, async (line) => {
        expect(readHere(line)).toEqual(await readByImapflow(line));
      }),
    );
  });

  test('a damaged one is read the same, or left to imapflow', async () => {
    const put = fc.constantFrom('', '(', ')', '"', ' ', '\\', '{3}\r\n', '\u00e9', '\0');
    await fc.assert(
      fc.asyncProperty(row, fc.nat(), fc.nat(3), put, async (line, at, gone, instead) => {
        const place = at % line.length;
        const damaged = line.slice(0, place) + instead + line.slice(place + gone);
        const here = readHere(damaged);
        expect(here).toEqual(here && (await readByImapflow(damaged)));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('anything else is left to imapflow', () => {
  test.each([
    ['another response', '* 7 EXISTS'],
    ['the end of a command', 'A1 OK FETCH completed'],
    ['an item nobody knows', '* 7 FETCH (UID 9 FLAGS () X-ODD 1)'],
    ['octets of a part', '* 7 FETCH (UID 9 BODY[1] "x")'],
    ['no ASCII', '* 7 FETCH (UID 9 FLAGS (caf\u00e9))'],
    ['a literal of another size', '* 7 FETCH (UID 9 BODY[HEADER.FIELDS (REFERENCES)] {4}\r\n)'],
    ['a label in UTF-7', '* 7 FETCH (UID 9 X-GM-LABELS ("Entw&APw-rfe"))'],
    ['a UID that is none', '* 7 FETCH (UID 0 FLAGS ())'],
    ['something behind it', `${SEEN} `],
    ['no end', SEEN.slice(0, -1)],
    ['nothing in it', '* 7 FETCH ()'],
  ])('%s', (_what, line) => expect(read(line, [Buffer.from('abc')])).toBeUndefined());

  test('lists in lists in lists', () => {
    const deep = `${'('.repeat(5_000)}NIL${')'.repeat(5_000)}`;
    expect(read(`* 1 FETCH (UID 1 BODYSTRUCTURE ${deep})`)).toBeUndefined();
  });

  test('messages in messages in messages', () => {
    const opened = `("message" "rfc822" NIL NIL NIL "7bit" 9 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) `;
    const deep = `${opened.repeat(100)}${TEXT}${' 3 NIL NIL NIL NIL)'.repeat(100)}`;
    expect(read(`* 1 FETCH (UID 1 BODYSTRUCTURE ${deep})`)).toBeUndefined();
  });

  test('no end of tokens', () => {
    expect(read(`* 1 FETCH (UID 1 FLAGS (${'a '.repeat(30_000)}b))`)).toBeUndefined();
  });
});

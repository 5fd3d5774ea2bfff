import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { baseSubject } from './base-subject.js';
import { cleanFilename } from './clean-text.js';
import { contentDisposition } from './content-disposition.js';
import { readContentHeaders, type ContentHeaders } from './content-headers.js';
import { splitHeader } from './header-fields.js';

describe('contentDisposition', () => {
  it.each([
    [undefined, 'attachment'],
    ['', 'attachment'],
    ['a.pdf', 'attachment; filename="a.pdf"'],
    ['../../etc/passwd', 'attachment; filename="passwd"'],
    ['C:\\Windows\\a.exe', 'attachment; filename="a.exe"'],
    ['.htaccess', 'attachment; filename="htaccess"'],
    ['a\r\nSet-Cookie: x=1', 'attachment; filename="a Set-Cookie: x=1"'],
    ['a"b\\', 'attachment'],
    ['Grüße (1).pdf', `attachment; filename="Gr__e (1).pdf"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%281%29.pdf`],
    ['100%.txt', `attachment; filename="100_.txt"; filename*=UTF-8''100%25.txt`],
    ['invoice\u202efdp.exe', 'attachment; filename="invoicefdp.exe"'],
  ])('makes of %j', (filename, expected) => {
    expect(contentDisposition(filename)).toBe(expected);
  });

  it('is a header value, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (filename) => {
        expect(contentDisposition(filename)).toMatch(
          /^attachment(?:; filename="[^"\\\r\n]*"(?:; filename\*=UTF-8''[\w.!~%-]+)?)?$/,
        );
      }),
    );
  });
});

describe('cleanFilename', () => {
  it('keeps the extension of a long name', () => {
    expect(cleanFilename(`${'x'.repeat(500)}.pdf`)).toBe(`${'x'.repeat(251)}.pdf`);
    expect(cleanFilename('\u202e \0')).toBe('\ufffd');
    expect(cleanFilename('\u202e ')).toBeUndefined();
  });
});

describe('readContentHeaders', () => {
  const read = (...lines: string[]): ContentHeaders =>
    readContentHeaders(splitHeader(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)).fields, false);

  it.each([
    ['Content-Disposition: attachment; filename=plain.txt', 'plain.txt'],
    ['Content-Disposition: attachment; filename="a; b=\\"c\\".txt"', 'a; b="c".txt'],
    [`Content-Disposition: attachment; filename*=utf-8'de'Gr%C3%BC%C3%9Fe.txt; filename=fallback.txt`, 'Grüße.txt'],
    [
      `Content-Disposition: attachment;\r\n filename*1=" two";\r\n filename*0*=iso-8859-1''%FC;\r\n filename*2*=%2Etxt`,
      'ü two.txt',
    ],
    ['Content-Disposition: attachment; filename="=?utf-8?Q?Gr=C3=BC=C3=9Fe?= .txt"', 'Grüße .txt'],
    [`Content-Disposition: attachment; filename*=utf-8''a%3D%3Futf-8%3FQ%3F%3D2Eexe%3F%3D`, 'a=?utf-8?Q?=2Eexe?='],
    ['Content-Type: application/pdf; name="named.pdf"', 'named.pdf'],
    ['Content-Disposition: attachment; filename=Grüße.txt', 'Grüße.txt'],
    ['Content-Disposition: attachment; __proto__=x; constructor=y', undefined],
  ])('reads the file name of %j', (line, expected) => {
    expect(read(line).filename).toBe(expected);
  });

  it('reads the rest, with defaults', () => {
    expect(
      read('Content-Type: Text/HTML (c); CHARSET="UTF-8"', 'Content-ID: <a@b>', 'Content-Transfer-Encoding: BASE64 '),
    ).toEqual({
      contentType: 'text/html',
      charset: 'utf-8',
      encoding: 'base64',
      contentId: 'a@b',
    });
    expect(read('X: y')).toEqual({ contentType: 'text/plain', encoding: '7bit' });
    expect(read('Content-Type: <script>/x', 'Content-Transfer-Encoding: b\0d')).toEqual({
      contentType: 'text/plain',
      encoding: '7bit',
    });
  });
});

describe('baseSubject', () => {
  it.each([
    ['Hello', 'Hello'],
    ['Re: Hello', 'Hello'],
    ['RE: Fwd: fw:  Hello (fwd)  (FWD)', 'Hello'],
    ['Re[2]: Hello', 'Hello'],
    ['Re [2]: Hello', 'Hello'],
    ['[list] Re: [list] Hello', 'Hello'],
    ['[only a blob]', '[only a blob]'],
    ['[fwd: [list] Hello]', 'Hello'],
    ['Re:', ''],
    ['  a \t  b ', 'a b'],
    ['Regards: x', 'Regards: x'],
  ])('makes of %j', (subject, expected) => {
    expect(baseSubject(subject)).toBe(expected);
  });

  it('does not change a subject that is bare already', () => {
    const subject = fc
      .array(fc.constantFrom('Re:', 'fwd', '[a]', '[fwd:', ']', ' ', 'x', '(fwd)'))
      .map((pieces) => pieces.join(''));
    fc.assert(fc.property(subject, (text) => expect(baseSubject(baseSubject(text))).toBe(baseSubject(text))));
  });
});

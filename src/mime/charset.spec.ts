import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { decodeText } from './charset.js';

const bytes = (latin1: string): Buffer => Buffer.from(latin1, 'latin1');

describe('decodeText', () => {
  it.each([
    ['utf-8', 'Grüße 日本 😀'],
    ['UTF8', 'Grüße'],
    ['iso-8859-1', 'Grüße'],
    ['ISO-8859-15', 'Grüße €'],
    ['windows-1252', 'Grüße “€”'],
    ['win1252', 'Grüße “€”'],
    ['cp1251', 'Привет'],
    ['koi8-r', 'Привет'],
    ['iso-8859-2', 'Zażółć'],
    ['windows-1256', 'مرحبا'],
    ['gb18030', '中文 😀'],
    ['gb2312', '中文'],
    ['big5', '中文'],
    ['shift_jis', '日本語'],
    ['cp932', '日本語'],
    ['euc-jp', '日本語'],
    ['euc-kr', '한국어'],
    ['ks_c_5601-1987', '한국어'],
    ['utf-16le', 'Grüße'],
    ['utf-7', 'Grüße <b>'],
    ['cp437', 'Grüße'],
    ['"utf-8"', 'Grüße'],
  ])('reads %s', (charset, text) => {
    const encoding = charset.replaceAll('"', '').replace('ks_c_5601-1987', 'euc-kr');
    expect(decodeText(iconv.encode(text, encoding), charset)).toEqual({ text, warnings: [] });
  });

  it('reads iso-2022-jp, also where nothing says so', () => {
    const octets = bytes('\x1b$B$3$s$K$A$O\x1b(B!');
    expect(decodeText(octets, 'iso-2022-jp').text).toBe('こんにちは!');
    expect(decodeText(octets).text).toBe('こんにちは!');
  });

  it.each([
    [undefined, 'Gr\xc3\xbc\xc3\x9fe', 'Grüße', []],
    [undefined, 'Gr\xfc\xdfe \x93x\x94', 'Grüße “x”', ['charset was guessed as windows-1252']],
    ['us-ascii', 'Gr\xc3\xbc\xc3\x9fe', 'Grüße', []],
    ['unknown-8bit', 'Gr\xfc\xdfe', 'Grüße', ['charset was guessed as windows-1252']],
    ['x-nonsense', 'Gr\xc3\xbc\xc3\x9fe', 'Grüße', ['charset x-nonsense is not known']],
    ['base64', 'aGk=', 'aGk=', ['charset base64 is not known']],
    ['__proto__', 'hi', 'hi', ['charset __proto__ is not known']],
    ['utf-8', 'Gr\xfc\xdfe', 'Grüße', ['text is said to be UTF-8 and is not', 'charset was guessed as windows-1252']],
    ['utf-8', '\xc3\xbc and \xff', 'ü and \ufffd', ['text is not valid UTF-8 everywhere']],
    [undefined, '\xff\xfeh\0i\0', 'hi', []],
    [undefined, '\xef\xbb\xbfhi', 'hi', []],
    ['iso-8859-1', 'a\0b', 'a\ufffdb', []],
    ['', '', '', []],
  ])('with charset %j reads %j as %j', (charset, octets, text, warnings) => {
    expect(decodeText(bytes(octets), charset)).toEqual({ text, warnings });
  });

  it('takes the charset an HTML part names itself, where the header has none', () => {
    const html = bytes(
      '<html><meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>\xcf\xf0\xe8</p>',
    );
    expect(decodeText(html, undefined, 'text/html').text).toContain('При');
    expect(decodeText(html, 'iso-8859-1', 'text/html').text).toContain('Ïðè');
    expect(decodeText(html).text).toContain('Ïðè');
  });

  it('gives text that can be stored, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.oneof(
          fc.constantFrom('utf-7', 'gb18030', 'utf-16be', 'iso-2022-kr', 'hz-gb-2312', 'utf-32', 'hex'),
          fc.string(),
        ),
        fc.constantFrom('text/plain', 'text/html'),
        (octets, charset, contentType) => {
          const { text } = decodeText(Buffer.from(octets), charset, contentType);
          expect(text.includes('\0')).toBe(false);
          expect(text.isWellFormed()).toBe(true);
        },
      ),
    );
  });
});

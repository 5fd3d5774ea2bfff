import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import iconv from 'iconv-lite';
import { storableText } from './clean-text.js';

export interface DecodedText {
  /** U+0000 is replaced by U+FFFD. */
  readonly text: string;
  readonly warnings: readonly string[];
}

// Names that programs write and the encoding standard does not list.
const ALIASES: Readonly<Record<string, string>> = {
  cp932: 'shift_jis',
  'ms-kanji': 'shift_jis',
  cp936: 'gbk',
  cp949: 'euc-kr',
  cp950: 'big5',
  'latin-1': 'windows-1252',
  'latin-2': 'iso-8859-2',
  'latin-9': 'iso-8859-15',
  utf8mb4: 'utf-8',
  'utf-8-sig': 'utf-8',
  'x-utf-8': 'utf-8',
  'iso-10646-ucs-2': 'utf-16be',
  'unicode-1-1-utf-7': 'utf-7',
};
/** Says nothing: RFC 1428 section 3, or the default that servers fill in (RFC 2045 section 5.2). */
const UNSPECIFIC = /^(?:|unknown|unknown-8bit|x-unknown|default|none|(?:us-)?ascii|ansi_x3\.4-1968|7bit|8bit|binary)$/;
// iconv-lite counts transfer encodings among its codecs.
const NO_CHARSET = /^(?:base64|hex|binary|internal|_internal|utf-?7-?imap|cesu8)$/;
const WINDOWS_1252 = 'windows-1252';
const META_CHARSET = /<meta\s[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})/i;

/**
 * Text of a part. Without a usable charset: UTF-8 where the octets are valid UTF-8, else Windows-1252, as browsers guess.
 * @param octets      with the transfer encoding undone
 * @param charset     as declared
 * @param contentType a text/html part may name its charset itself
 */
export function decodeText(octets: Buffer, charset?: string, contentType = 'text/plain'): DecodedText {
  const declared = normalise(charset);
  const label = UNSPECIFIC.test(declared) ? declaredInHtml(octets, contentType) : declared;
  if (label === '') return guess(octets, []);
  if (/^utf-?8$/.test(label)) return decodeUtf8(octets);
  const text = decodeAs(octets, label);
  if (text === undefined) return guess(octets, [`charset ${label.slice(0, 40)} is not known`]);
  return { text: storableText(text), warnings: [] };
}

function normalise(charset = ''): string {
  const label = charset
    .trim()
    .toLowerCase()
    .replace(/^["']|["']$/g, '');
  return Object.hasOwn(ALIASES, label) ? (ALIASES[label] ?? label) : label;
}

function declaredInHtml(octets: Buffer, contentType: string): string {
  if (contentType !== 'text/html') return '';
  const label = normalise(META_CHARSET.exec(octets.toString('latin1', 0, Math.min(octets.length, 4096)))?.[1]);
  // HTML standard: a page that could be read this far is not UTF-16, whatever it says.
  if (label.startsWith('utf-16')) return 'utf-8';
  return UNSPECIFIC.test(label) ? '' : label;
}

function guess(octets: Buffer, warnings: readonly string[]): DecodedText {
  if (hasJapaneseEscapes(octets)) return { text: storableText(decodeAs(octets, 'iso-2022-jp') ?? ''), warnings };
  if (isUtf8(octets)) return { text: storableText(withoutMark(octets.toString('utf8'))), warnings };
  const bom = octets.length >= 2 ? octets.readUInt16BE(0) : 0;
  if (bom === 0xfffe || bom === 0xfeff) {
    const text = decodeAs(octets, bom === 0xfeff ? 'utf-16be' : 'utf-16le') ?? '';
    return { text: storableText(text), warnings };
  }
  const text = decodeAs(octets, WINDOWS_1252) ?? '';
  return { text: storableText(text), warnings: [...warnings, 'charset was guessed as windows-1252'] };
}

function decodeUtf8(octets: Buffer): DecodedText {
  const text = withoutMark(octets.toString('utf8'));
  if (isUtf8(octets)) return { text: storableText(text), warnings: [] };
  // Not one character of it read as UTF-8: it is something else that is called so.
  // eslint-disable-next-line no-control-regex -- all of ASCII is meant
  const nothingRead = !/[^\u0000-\u007f\ufffd]/.test(text);
  if (nothingRead) return guess(octets, ['text is said to be UTF-8 and is not']);
  return { text: storableText(text), warnings: ['text is not valid UTF-8 everywhere'] };
}

function decodeAs(octets: Buffer, label: string): string | undefined {
  const standard = standardName(label);
  // Not TextDecoder for this one: Node 20 gives control characters for 0x80 to 0x9F.
  if (standard === WINDOWS_1252) return iconv.decode(octets, WINDOWS_1252);
  if (standard !== undefined) return new TextDecoder(standard).decode(octets);
  if (NO_CHARSET.test(label) || !iconv.encodingExists(label)) return undefined;
  return iconv.decode(octets, label);
}

/** TextDecoder is native code and reads ISO-2022-JP, GB 18030 and the like as browsers do; iconv-lite knows the rest. */
function standardName(label: string): string | undefined {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}

function hasJapaneseEscapes(octets: Buffer): boolean {
  return octets.includes('\x1b$B') || octets.includes('\x1b$@');
}

function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

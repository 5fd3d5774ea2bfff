import { MAX_FILENAME_CHARS } from './mime.limits.js';

// Marks that reorder what stands around them: a name or a file name made of them reads as another one
// (Unicode TR36 section 3.2). Zero width space and the byte order mark only hide text.
const BIDI_CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const INVISIBLE = /[\u200b\ufeff]/g;
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Postgres takes no U+0000 in text and no lone surrogate in jsonb. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}

/** Printable ASCII without blanks around it, as most text in headers is: there is nothing to clean. */
const isPlain = (text: string): boolean => /^[!-~](?:[ -~]*[!-~])?$/.test(text);

/** At most so many UTF-16 units, never ending in half a character. */
export function cutText(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? maxChars - 1 : maxChars);
}

/** For subjects, names and other single lines: encoded words may carry line ends and NUL (RFC 2047 section 5 forbids it). */
export function singleLine(text: string, maxChars: number): string {
  if (text.length <= maxChars && isPlain(text)) return text;
  return cutText(text.replaceAll('\0', '\ufffd').replace(CONTROLS, ' ').trim(), maxChars).toWellFormed();
}

export function withoutBidi(text: string): string {
  return text.replace(BIDI_CONTROLS, '').replace(INVISIBLE, '');
}

/** A file name to show and to offer: one line, nothing that disguises the extension; may still hold slashes. */
export function cleanFilename(name: string): string | undefined {
  const clean = withoutBidi(singleLine(name, name.length)).trim();
  if (clean.length <= MAX_FILENAME_CHARS) return clean || undefined;
  // The extension says what the file is, so the cut is made before it.
  const extension = /\.[^./\\\s]{1,16}$/.exec(clean)?.[0] ?? '';
  return cutText(clean, MAX_FILENAME_CHARS - extension.length) + extension;
}

import { invalidInput } from './mailbox.errors.js';

/** RFC 9051 section 9: a keyword is an atom, so no spaces, controls, brackets, quotes, backslash or wildcards. */
const KEYWORD = /^[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|~]{1,200}$/;

/** @throws MailError INVALID_INPUT naming the field */
export function checkKeywords(keywords: readonly string[], field: string): void {
  if (keywords.every((keyword) => KEYWORD.test(keyword))) return;
  throw invalidInput(['input', field], "a keyword holds only letters, digits and !#$&'+,-./:;<=>?@^_`|~");
}

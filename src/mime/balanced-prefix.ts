const VOID: ReadonlySet<string> = new Set(['br', 'col', 'hr', 'img', 'wbr']);
// What the sanitizer writes: in attribute values `<`, `>`, `&` and quotes are escaped, so a tag ends at the first `>`.
const PIECE = /<(\/?)([a-z0-9]+)[^>]*>|&[#\w]{1,10};|[^<&]+|[<&]/g;

/**
 * The longest start of clean HTML that fits, with what is open in it closed.
 * @param html     well-formed, as the sanitizer writes it
 * @param maxBytes of the result, in UTF-8; what does not fit even empty gives ''
 */
export function balancedPrefix(html: string, maxBytes: number): string {
  if (html.length * 3 <= maxBytes || Buffer.byteLength(html) <= maxBytes) return html;
  const open: string[] = [];
  let used = 0;
  let closersBytes = 0;
  let at = 0;
  for (const piece of html.matchAll(PIECE)) {
    const [text, slash, tag] = piece;
    const closerBytes = tag === undefined || VOID.has(tag) ? 0 : tag.length + 3;
    const nextClosers = closersBytes + (slash ? -closerBytes : closerBytes);
    const bytes = Buffer.byteLength(text);
    if (used + bytes + nextClosers > maxBytes) {
      const room = maxBytes - used - closersBytes;
      const partly = tag === undefined && !text.startsWith('&') ? prefixOf(text, room) : '';
      return html.slice(0, at) + partly + closersOf(open);
    }
    if (closerBytes > 0) {
      if (slash) open.pop();
      else open.push(tag ?? '');
    }
    used += bytes;
    closersBytes = nextClosers;
    at += text.length;
  }
  return html;
}

function prefixOf(text: string, maxBytes: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function closersOf(open: readonly string[]): string {
  return open
    .toReversed()
    .map((tag) => `</${tag}>`)
    .join('');
}

import { MAX_HTML_DEPTH } from './mime.limits.js';

const VOID: ReadonlySet<string> = new Set(
  'area base br col embed hr img input link meta param source track wbr'.split(' '),
);
/** Opening one of these closes one that is open. */
const SELF_CLOSING_SIBLINGS: ReadonlySet<string> = new Set('p li dd dt td th tr option'.split(' '));
const TAG = /<(\/?)([a-z][a-z0-9]*)/gi;

/**
 * Leaves out the start tags that stand too deep. The parser under sanitize-html and html-to-text takes quadratic time in
 * the depth: 1 MiB of `<b>` is 40 s. Only for time's sake: what is safe is decided after it, on what comes out.
 */
export function boundDepth(html: string): string {
  const open: string[] = [];
  let out = '';
  let from = 0;
  for (const { 0: match, 1: slash, 2: name = '', index } of html.matchAll(TAG)) {
    const tag = name.toLowerCase();
    if (VOID.has(tag)) continue;
    if (slash) {
      const at = open.lastIndexOf(tag);
      if (at !== -1) open.length = at;
    } else if (open.length < MAX_HTML_DEPTH) {
      if (!SELF_CLOSING_SIBLINGS.has(tag) || open.at(-1) !== tag) open.push(tag);
    } else {
      const end = html.indexOf('>', index + match.length);
      out += html.slice(Math.min(from, index), index);
      from = end === -1 ? html.length : end + 1;
    }
  }
  return out === '' && from === 0 ? html : out + html.slice(from);
}

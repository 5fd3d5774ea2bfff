import { compile, type HtmlToTextOptions } from 'html-to-text';
import { cutText, storableText } from './clean-text.js';
import { boundDepth } from './html-depth.js';
import { MAX_HTML_CHARS, MAX_HTML_DEPTH } from './mime.limits.js';

const LIMITS = { maxInputLength: MAX_HTML_CHARS, maxDepth: MAX_HTML_DEPTH, maxChildNodes: 20_000, ellipsis: '…' };
const COMMON: HtmlToTextOptions = { wordwrap: false, limits: LIMITS };

// Compiled once: setting it up costs as much as a short message.
const readable = compile({
  ...COMMON,
  selectors: [
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true, ignoreHref: false, linkBrackets: ['<', '>'] } },
    { selector: 'img', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: 'title', format: 'skip' },
  ],
});
const wordsOnly = compile({
  ...COMMON,
  selectors: [
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'img', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: 'title', format: 'skip' },
  ],
});

/** HTML of a message as text to read; links stand behind their words in angle brackets. */
export function htmlToText(html: string): string {
  return storableText(readable(boundDepth(cutText(html, MAX_HTML_CHARS))));
}

/** Without the addresses of links, for previews. */
export function htmlToWords(html: string): string {
  return storableText(wordsOnly(boundDepth(cutText(html, MAX_HTML_CHARS))));
}

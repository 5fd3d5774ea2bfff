import sanitizeHtml, { type Attributes, type Tag } from 'sanitize-html';
import { balancedPrefix } from './balanced-prefix.js';
import { cutText, storableText } from './clean-text.js';
import { boundDepth } from './html-depth.js';
import { MAX_HTML_CHARS, MAX_HTML_DEPTH } from './mime.limits.js';
import { safeStyle } from './safe-style.js';
import { imageSource, safeLink } from './safe-url.js';

export interface SafeHtmlOptions {
  /** ALLOW lets pictures be loaded from where the sender says; BLOCK keeps the address in `data-blocked-src`. */
  readonly remoteContent: 'BLOCK' | 'ALLOW';
  /** Where the browser gets the part with this Content-ID (no angle brackets); undefined where there is none. */
  readonly cidUrl: (contentId: string) => string | undefined;
  /** Of the result, in UTF-8. */
  readonly maxBytes?: number;
}

export interface SafeHtml {
  readonly html: string;
  /** Cut at `maxBytes` or at our own limit. */
  readonly truncated: boolean;
  /** Remote pictures that BLOCK left out. */
  readonly blockedCount: number;
}

const TAGS = (
  'a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em ' +
  'figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt ruby s samp ' +
  'section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr'
).split(' ');
/** Dropped with all that stands in them: not text, or read by browsers in another way than by parsers. */
const DROPPED_WITH_CONTENT = (
  'script style title textarea option select xmp svg math template iframe noembed noframes plaintext object applet audio ' +
  'video canvas'
).split(' ');
/** No id, class or name: they could stand in for what the page's own script looks up. */
const PLAIN_ATTRIBUTES: ReadonlySet<string> = new Set(
  (
    'abbr align alt bgcolor border cellpadding cellspacing color colspan datetime dir face height hspace lang nowrap reversed ' +
    'rowspan scope size span start summary title type valign value vspace width'
  ).split(' '),
);
const GIVEN_ATTRIBUTES = ['style', 'href', 'target', 'rel', 'src', 'data-blocked-src', 'loading', 'referrerpolicy'];

/**
 * HTML of a message made safe to put into a page: an allow-list of elements and attributes (sanitize-html), links that open
 * elsewhere, pictures only from the message itself unless remote ones are allowed. The result is well-formed and stays
 * so when cut. Serve it with a Content-Security-Policy all the same: two lines hold better than one.
 */
export function htmlToSafeHtml(html: string, options: SafeHtmlOptions): SafeHtml {
  const input = boundDepth(storableText(cutText(html, MAX_HTML_CHARS)));
  const rewriter = new Rewriter(options);
  const clean = sanitizeHtml(input, {
    allowedTags: TAGS,
    nonTextTags: DROPPED_WITH_CONTENT,
    disallowedTagsMode: 'discard',
    nestingLimit: MAX_HTML_DEPTH,
    allowedAttributes: { '*': [...PLAIN_ATTRIBUTES, ...GIVEN_ATTRIBUTES] },
    // All three attributes are rebuilt by the rewriter; this is the library's own second look at them.
    allowedSchemes: ['http', 'https', 'mailto', 'tel'],
    allowedSchemesByTag: { img: ['http', 'https', 'data'] },
    allowProtocolRelative: false,
    // Our own filter is stricter than the library's, and does not fail on a broken one.
    parseStyleAttributes: false,
    transformTags: { '*': (tagName, attributes) => rewriter.rewrite(tagName, attributes) },
  });
  const fitting = balancedPrefix(clean, options.maxBytes ?? Infinity);
  return {
    html: fitting,
    truncated: html.length > MAX_HTML_CHARS || fitting.length < clean.length,
    blockedCount: rewriter.blockedCount,
  };
}

class Rewriter {
  blockedCount = 0;

  constructor(private readonly options: SafeHtmlOptions) {}

  rewrite(tagName: string, found: Attributes): Tag {
    const attribs: Attributes = {};
    for (const [name, value] of Object.entries(found)) if (PLAIN_ATTRIBUTES.has(name)) attribs[name] = value;
    const style = safeStyle(found.style ?? '');
    if (style !== '') attribs.style = style;
    if (tagName === 'a') this.rewriteLink(attribs, found.href);
    if (tagName === 'img') this.rewriteImage(attribs, found.src);
    return { tagName, attribs };
  }

  private rewriteLink(attribs: Attributes, href: string | undefined): void {
    const url = safeLink(href ?? '');
    if (url === undefined) return;
    Object.assign(attribs, { href: url, target: '_blank', rel: 'noopener noreferrer' });
  }

  private rewriteImage(attribs: Attributes, src: string | undefined): void {
    const source = imageSource(src ?? '');
    if (source?.kind === 'data') attribs.src = source.url;
    if (source?.kind === 'cid') {
      const url = this.options.cidUrl(source.contentId);
      if (url !== undefined) attribs.src = url;
    }
    if (source?.kind !== 'remote') return;
    if (this.options.remoteContent === 'ALLOW') {
      Object.assign(attribs, { src: source.url, loading: 'lazy', referrerpolicy: 'no-referrer' });
    } else {
      this.blockedCount += 1;
      attribs['data-blocked-src'] = source.url;
    }
  }
}

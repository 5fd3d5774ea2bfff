import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { attackCorpus } from '../../test/fixtures/attack-html.js';
import { htmlToSafeHtml, type SafeHtmlOptions } from './safe-html.js';

const BLOCK: SafeHtmlOptions = {
  remoteContent: 'BLOCK',
  cidUrl: (id) => (id === 'pic@example.org' ? 'https://gateway.test/content/pic?sig=a&exp=1' : undefined),
};
const ALLOW: SafeHtmlOptions = { ...BLOCK, remoteContent: 'ALLOW' };
const safe = (html: string, options = BLOCK): string => htmlToSafeHtml(html, options).html;

const TAGS = new Set(
  (
    'a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em ' +
    'figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt ruby s samp ' +
    'section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr'
  ).split(' '),
);
const ATTRIBUTE = / ([a-z-]+)="([^"<>]*)"/g;
const ELEMENT = /<(\/?)([a-z0-9]+)((?: [a-z-]+="[^"<>]*")*)( \/)?>/g;

/** What is wrong with the result; it is read by a grammar so small that no parser could see anything else in it. */
function faults(html: string, remote: 'BLOCK' | 'ALLOW'): string[] {
  const found: string[] = [];
  const rest = html.replace(ELEMENT, (_all, _slash: string, tag: string, attributes: string) => {
    if (!TAGS.has(tag)) found.push(`element ${tag}`);
    for (const [, name = '', value = ''] of attributes.matchAll(ATTRIBUTE)) {
      if (/^(?:on|id$|name$|class$|srcset|background|action|formaction|xlink)/.test(name))
        found.push(`attribute ${name}`);
      const plain = value.replace(/&amp;/g, '&');
      if (name === 'href' && !/^(?:https?:\/\/|mailto:|tel:)/.test(plain)) found.push(`link ${plain}`);
      const own = /^(?:https:\/\/gateway\.test\/|data:image\/(?:png|jpe?g|gif|webp);base64,)/;
      if (name === 'src' && !own.test(plain) && !(remote === 'ALLOW' && /^https?:\/\//.test(plain)))
        found.push(`src ${plain}`);
      if (name === 'style' && /url|expression|import|\\|\/\*|position|@|behavio|binding/i.test(plain))
        found.push(`style ${plain}`);
      if (tag === 'a' && name === 'href' && !attributes.includes(' rel="noopener noreferrer"'))
        found.push('link without rel');
    }
    return '';
  });
  if (/[<>]/.test(rest)) found.push(`stray bracket in ${rest}`);
  return found;
}

describe('htmlToSafeHtml', () => {
  it.each(attackCorpus.map((html) => [html]))('leaves nothing that runs or calls home: %s', (html) => {
    for (const options of [BLOCK, ALLOW]) {
      const once = safe(html, options);
      expect([once, faults(once, options.remoteContent)]).toEqual([once, []]);
      expect(safe(`<table><tr><td title="${html}">${html}</td></tr></table>`, options)).toEqual(expect.any(String));
      expect(faults(safe(`<div title='${html}'><p ${html}>${html}`, options), options.remoteContent)).toEqual([]);
    }
  });

  it('leaves nothing of the attacks put together in any way', () => {
    const piece = fc.oneof(
      fc.constantFrom(...attackCorpus),
      fc.constantFrom(
        '<',
        '>',
        '"',
        "'",
        '--',
        '<!--',
        '-->',
        '&lt;',
        '&#60;',
        '\0',
        '`',
        '=',
        '/',
        '<p ',
        'style=',
        'src=',
        'href=',
      ),
      fc.string({ maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.integer({ min: 0, max: 300 }), (pieces, maxBytes) => {
        const html = pieces.join('');
        for (const options of [BLOCK, ALLOW]) {
          expect(faults(safe(html, options), options.remoteContent)).toEqual([]);
          const cut = safe(html, { ...options, maxBytes });
          expect(faults(cut, options.remoteContent)).toEqual([]);
          expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(maxBytes);
          expect(unclosed(cut)).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps what mail is made of', () => {
    const html =
      '<table width="600" cellpadding="0" style="border-collapse: collapse; color:#333"><tr><td align="center" bgcolor="#fff">' +
      '<h1 style="font:bold 20px/1.2 Arial,sans-serif;margin:0 auto">Hi</h1><b>b</b><ul><li>x</li></ul></td></tr></table>';
    expect(safe(html)).toBe(
      '<table width="600" cellpadding="0" style="border-collapse:collapse;color:#333"><tr><td align="center" bgcolor="#fff">' +
        '<h1 style="font:bold 20px/1.2 Arial,sans-serif;margin:0 auto">Hi</h1><b>b</b><ul><li>x</li></ul></td></tr></table>',
    );
  });

  it.each([
    [
      'https://example.org/a?b=1&c=2',
      '<a href="https://example.org/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer">x</a>',
    ],
    [' HTTPS://EXAMPLE.org', '<a href="https://example.org/" target="_blank" rel="noopener noreferrer">x</a>'],
    ['mailto:a@example.org', '<a href="mailto:a@example.org" target="_blank" rel="noopener noreferrer">x</a>'],
    ['tel:+123', '<a href="tel:+123" target="_blank" rel="noopener noreferrer">x</a>'],
    ['/settings', '<a>x</a>'],
    ['//example.org', '<a>x</a>'],
    ['#top', '<a>x</a>'],
    ['ftp://example.org', '<a>x</a>'],
    ['java\nscript:alert(1)', '<a>x</a>'],
  ])('makes of the link %j', (href, expected) => {
    expect(safe(`<a href="${href}" onclick="x()" id="a" target="_self">x</a>`)).toBe(expected);
  });

  it('blocks remote pictures, counts them and keeps their address', () => {
    const html =
      '<img src="http://t.test/p?a=1&b" width=1 srcset="http://t.test/2 2x"><img src="//t.test/q"><img src=x.png>';
    expect(htmlToSafeHtml(html, BLOCK)).toEqual({
      html: '<img width="1" data-blocked-src="http://t.test/p?a=1&amp;b" /><img data-blocked-src="https://t.test/q" /><img />',
      truncated: false,
      blockedCount: 2,
    });
    expect(safe('<img src="http://t.test/p">', ALLOW)).toBe(
      '<img src="http://t.test/p" loading="lazy" referrerpolicy="no-referrer" />',
    );
  });

  it('draws pictures of the message itself', () => {
    expect(safe('<img src="cid:pic@example.org" alt="a">')).toBe(
      '<img alt="a" src="https://gateway.test/content/pic?sig=a&amp;exp=1" />',
    );
    expect(safe('<img src="CID:%3Cpic%40example.org%3E">')).toContain('gateway.test');
    expect(safe('<img src="cid:other@example.org">')).toBe('<img />');
    expect(safe('<img src="data:image/png;base64,iVBORw0KGgo=">')).toBe(
      '<img src="data:image/png;base64,iVBORw0KGgo=" />',
    );
    expect(safe('<img src="data:image/svg+xml;base64,PHN2Zz4=">')).toBe('<img />');
  });

  it('takes no address to show from the sender', () => {
    expect(safe('<img data-blocked-src="javascript:alert(1)"><p data-blocked-src="x" rel="opener">x</p>')).toBe(
      '<img /><p>x</p>',
    );
  });

  it('drops what is not text with what stands in it', () => {
    const html = '<title>t</title><style>s</style><script>a</script><svg><text>v</text></svg><textarea>q</textarea>ok';
    expect(safe(html)).toBe('ok');
  });

  it('cuts at the byte asked for and closes what is open', () => {
    const html = '<div><p><b>grüße &amp; mehr</b></p></div>';
    expect(htmlToSafeHtml(html, { ...BLOCK, maxBytes: 33 })).toEqual({
      html: '<div><p><b>grüße </b></p></div>',
      truncated: true,
      blockedCount: 0,
    });
    expect(safe(html, { ...BLOCK, maxBytes: 1000 })).toBe(html);
  });

  it('reads no more than its limit, and stands a tower of elements', () => {
    expect(htmlToSafeHtml('x'.repeat(3_000_000), BLOCK)).toMatchObject({ truncated: true });
    const started = performance.now();
    const tower = safe(`${'<b>'.repeat(300_000)}deep`);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(tower).toMatch(/^(?:<b>){200}deep(?:<\/b>){200}$/);
  });
});

function unclosed(html: string): string[] {
  const open: string[] = [];
  for (const [, slash, tag = '', , selfClosed] of html.matchAll(ELEMENT)) {
    if (selfClosed || ['br', 'hr', 'img', 'wbr', 'col'].includes(tag)) continue;
    if (!slash) open.push(tag);
    else if (open.pop() !== tag) return [`</${tag}>`];
  }
  return open;
}

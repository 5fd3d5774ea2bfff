import { MAX_URL_CHARS } from './mime.limits.js';

const LINK_PROTOCOLS: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:', 'tel:']);
const DATA_IMAGE = /^data:image\/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]*$/i;

/**
 * The address of a link as a browser would read it, or undefined where it may not be followed: only http, https, mailto
 * and tel, and nothing relative (it would lead into the page that shows the message).
 */
export function safeLink(href: string): string | undefined {
  const url = parseAbsolute(href);
  return url && LINK_PROTOCOLS.has(url.protocol) ? url.href : undefined;
}

export type ImageSource =
  { readonly kind: 'cid'; readonly contentId: string } | { readonly kind: 'data' | 'remote'; readonly url: string };

/** What an image is drawn from; undefined where it is nothing we show. SVG may hold script, so no data: URL of it. */
export function imageSource(src: string): ImageSource | undefined {
  const trimmed = src.trim();
  if (/^cid:/i.test(trimmed)) return { kind: 'cid', contentId: contentIdOf(trimmed.slice(4)) };
  if (/^data:/i.test(trimmed)) return DATA_IMAGE.test(trimmed) ? { kind: 'data', url: trimmed } : undefined;
  const url = parseAbsolute(trimmed.startsWith('//') ? `https:${trimmed}` : trimmed);
  return url && /^https?:$/.test(url.protocol) ? { kind: 'remote', url: url.href } : undefined;
}

function parseAbsolute(text: string): URL | undefined {
  if (text.length > MAX_URL_CHARS || !URL.canParse(text)) return undefined;
  return new URL(text);
}

/** RFC 2392: percent-encoded, without angle brackets; many write them all the same. */
function contentIdOf(encoded: string): string {
  return decodePercent(encoded).replace(/^<|>$/g, '');
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

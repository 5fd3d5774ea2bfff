import { cleanFilename } from './clean-text.js';

/**
 * Content-Disposition for a download (RFC 6266): always `attachment`, with the name in both forms. Directories, control
 * and reordering characters are left out of the name.
 */
export function contentDisposition(filename?: string): string {
  const base = cleanFilename(filename?.replace(/^.*[/\\]/s, '') ?? '')?.replace(/^\.+/, '');
  if (!base) return 'attachment';
  const ascii = base.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  return ascii === base
    ? `attachment; filename="${base}"`
    : `attachment; filename="${ascii}"; filename*=UTF-8''${encodeExtended(base)}`;
}

/** RFC 8187 section 3.2.1: stricter than `encodeURIComponent`. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

import type { Part } from '../mailbox/model/message.js';
import { decodeText } from './charset.js';
import { htmlToWords } from './html-to-text.js';
import { findBodyParts } from './body-parts.js';
import { makePreview } from './preview.js';
import { decodeOctets } from './transfer-encoding.js';

/**
 * Preview of a message from the start of its texts: the plain one, or where that says nothing the HTML.
 * @param samples encoded octets from the start of parts, by part number
 */
export function previewOf(root: Part, samples: ReadonlyMap<string, readonly Buffer[]>): string {
  const { text, html } = findBodyParts(root);
  const plain = text ? makePreview(sampleText(text, samples)) : '';
  return plain !== '' || !html ? plain : makePreview(htmlToWords(sampleText(html, samples)));
}

function sampleText(part: Part, samples: ReadonlyMap<string, readonly Buffer[]>): string {
  const encoded = Buffer.concat(samples.get(part.partNumber) ?? []);
  return decodeText(decodeOctets(encoded, part.encoding), part.charset, part.contentType).text;
}

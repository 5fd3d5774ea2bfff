import type { Part } from '../mailbox/model/message.js';

export interface BodyParts {
  readonly text?: Part;
  readonly html?: Part;
}

/**
 * The parts a reader shows as the text of a message. Works on a tree from either protocol.
 *
 * - multipart/alternative (RFC 2046 section 5.1.4): one text per kind; the last of a kind is the richest.
 * - multipart/related, signed, encrypted, report (RFC 2387, 1847, 6522): the body is the first part.
 * - multipart/mixed and unknown ones: the first child that has text. Texts that follow it (footers of mailing lists, text
 *   between pictures) are not joined to it: `findAttachments` gives those that have a name, the tree gives all.
 * - Texts inside an enclosed message are that message's.
 */
export function findBodyParts(root: Part): BodyParts {
  return bodyOf(root);
}

/**
 * Parts with a file name or disposition `attachment`, and enclosed messages even without; not what is inside those.
 * @param options.inline also pictures that belong into the text: `inline` or referred to by Content-ID
 */
export function findAttachments(root: Part, options: { inline: boolean }): Part[] {
  const body = findBodyParts(root);
  return outerLeaves(root).filter((part) => {
    if (part === body.text || part === body.html || !isAttachment(part)) return false;
    return options.inline || !isInlineImage(part);
  });
}

export function hasAttachments(root: Part): boolean {
  return findAttachments(root, { inline: false }).length > 0;
}

/** A picture that stands in the text rather than beside it. */
export function isInlineImage(part: Part): boolean {
  if (!part.contentType.startsWith('image/') || part.disposition === 'attachment') return false;
  return part.disposition === 'inline' || part.contentId !== undefined;
}

function bodyOf(part: Part): BodyParts {
  if (part.contentType.startsWith('multipart/')) return bodyOfMultipart(part);
  // A file name on its own does not make an attachment of the only text: some programs name every part.
  if (part.disposition === 'attachment') return {};
  if (part.contentType === 'text/plain') return { text: part };
  return part.contentType === 'text/html' ? { html: part } : {};
}

function bodyOfMultipart(part: Part): BodyParts {
  const [first] = part.parts;
  switch (part.contentType) {
    case 'multipart/related':
    case 'multipart/signed':
    case 'multipart/encrypted':
    case 'multipart/report':
      return first ? bodyOf(first) : {};
    case 'multipart/alternative':
      return part.parts.map(bodyOf).reduce((found, next) => ({ ...found, ...next }), {});
    default:
      return firstBody(part.parts);
  }
}

/** A file with a name that comes first is not the text; where nothing else is there, it is shown after all. */
function firstBody(parts: readonly Part[]): BodyParts {
  const unnamed = parts.filter((part) => part.filename === undefined);
  const found = unnamed.map(bodyOf).find(({ text, html }) => text ?? html);
  if (found) return found;
  return parts.filter((part) => part.filename !== undefined && part.disposition === 'inline').map(bodyOf)[0] ?? {};
}

function isAttachment(part: Part): boolean {
  return part.filename !== undefined || part.disposition === 'attachment' || isEnclosed(part) || isInlineImage(part);
}

function isEnclosed(part: Part): boolean {
  return part.contentType === 'message/rfc822' || part.contentType === 'message/global';
}

function outerLeaves(part: Part): readonly Part[] {
  return part.contentType.startsWith('multipart/') ? part.parts.flatMap(outerLeaves) : [part];
}

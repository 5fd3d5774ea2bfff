import { findBodyParts } from '../mime/body-parts.js';
import { decodeOctets } from '../mime/transfer-encoding.js';
import { decodeText } from '../mime/charset.js';
import { htmlToWords } from '../mime/html-to-text.js';
import { makePreview } from '../mime/preview.js';
import type { FetchedPart, PartRequest } from './keeper.port.js';
import { MailError } from './mailbox.errors.js';
import type { Part, ReadMessage } from './model/message.js';

/** Decoded, unsafe: html is what the sender wrote. */
export interface MessageBodySource {
  readonly text?: string;
  readonly html?: string;
  /** Something was cut at the gateway's limit. */
  readonly truncated: boolean;
}

/** Encoded octets that are enough for the start of a text; html begins with much that is not text. */
const previewTextBytes = 2048;
const previewHtmlBytes = 16_384;

export function bodyRequests(message: ReadMessage, maxBytes: number): readonly PartRequest[] {
  const { text, html } = findBodyParts(message.root);
  return [text, html].flatMap((part) => (part ? [{ message, partNumber: part.partNumber, maxBytes }] : []));
}

export function previewRequest(message: ReadMessage): readonly PartRequest[] {
  const { text, html } = findBodyParts(message.root);
  const part = text ?? html;
  if (!part) return [];
  return [{ message, partNumber: part.partNumber, maxBytes: part === text ? previewTextBytes : previewHtmlBytes }];
}

/** @returns undefined where the part could not be had: that is not known to be empty */
export function previewOf(message: ReadMessage, parts: readonly FetchedPart[]): string | undefined {
  const { text, html } = findBodyParts(message.root);
  if (!text && !html) return '';
  const decoded = decodedText(message, text ?? html, parts);
  return decoded && makePreview(text ? decoded.text : htmlToWords(decoded.text));
}

/** @returns an error where the server did not give what the message has */
export function bodyOf(message: ReadMessage, parts: readonly FetchedPart[]): MessageBodySource | MailError {
  const { text, html } = findBodyParts(message.root);
  const plain = decodedText(message, text, parts);
  const rich = decodedText(message, html, parts);
  if ((text && !plain) || (html && !rich)) {
    return new MailError('SERVER_REJECTED', 'the mail server did not give the text of this message', {
      retryable: true,
    });
  }
  return { text: plain?.text, html: rich?.text, truncated: !!(plain?.truncated || rich?.truncated) };
}

function decodedText(
  message: ReadMessage,
  part: Part | undefined,
  parts: readonly FetchedPart[],
): { text: string; truncated: boolean } | undefined {
  const fetched = part && parts.find((p) => p.messageId === message.id && p.partNumber === part.partNumber);
  // Some servers answer a part that they have with nothing.
  if (!fetched || (fetched.octets.length === 0 && part.sizeBytes > 0)) return undefined;
  const { text } = decodeText(decodeOctets(fetched.octets, part.encoding), part.charset, part.contentType);
  return { text, truncated: fetched.truncated };
}

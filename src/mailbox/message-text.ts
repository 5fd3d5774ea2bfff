import { findBodyParts } from '../mime/body-parts.js';
import { decodePart } from '../mime/decode-part.js';
import { decodeText } from '../mime/decode-text.js';
import { htmlToText } from '../mime/html-to-text.js';
import { makePreview } from '../mime/preview.js';
import type { FetchedPart, PartRequest } from './keeper.port.js';
import type { Message, Part } from './model/message.js';

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

export function bodyRequests(message: Message, maxBytes: number): readonly PartRequest[] {
  const { text, html } = findBodyParts(message.root);
  return [text, html].flatMap((part) => (part ? [{ message, partNumber: part.partNumber, maxBytes }] : []));
}

export function previewRequest(message: Message): readonly PartRequest[] {
  const { text, html } = findBodyParts(message.root);
  const part = text ?? html;
  if (!part) return [];
  return [{ message, partNumber: part.partNumber, maxBytes: part === text ? previewTextBytes : previewHtmlBytes }];
}

/** @returns undefined where the part could not be had: that is not known to be empty */
export async function previewOf(message: Message, parts: readonly FetchedPart[]): Promise<string | undefined> {
  const { text, html } = findBodyParts(message.root);
  if (!text && !html) return '';
  const decoded = await decodedText(message, text ?? html, parts);
  return decoded && makePreview(text ? decoded.text : htmlToText(decoded.text));
}

export async function bodyOf(message: Message, parts: readonly FetchedPart[]): Promise<MessageBodySource> {
  const { text, html } = findBodyParts(message.root);
  const plain = await decodedText(message, text, parts);
  const rich = await decodedText(message, html, parts);
  return { text: plain?.text, html: rich?.text, truncated: !!(plain?.truncated || rich?.truncated) };
}

async function decodedText(
  message: Message,
  part: Part | undefined,
  parts: readonly FetchedPart[],
): Promise<{ text: string; truncated: boolean } | undefined> {
  const fetched = part && parts.find((p) => p.messageId === message.id && p.partNumber === part.partNumber);
  if (!fetched) return undefined;
  const octets: Buffer[] = [];
  for await (const chunk of decodePart([fetched.octets], part.encoding)) octets.push(chunk);
  const { text } = decodeText(Buffer.concat(octets), part.charset, part.contentType);
  return { text, truncated: fetched.truncated };
}

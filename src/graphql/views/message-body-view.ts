import { invalidInput } from '../../mailbox/mailbox.errors.js';
import type { Part, ReadMessage } from '../../mailbox/model/message.js';
import type { MessageBodySource } from '../../mailbox/message-text.js';
import { htmlToText } from '../../mime/html-to-text.js';
import { htmlToSafeHtml } from '../../mime/safe-html.js';
import type * as gql from '../generated/schema-types.js';
import type { Links } from '../operation-context.js';
import type { Resolved } from '../resolved.js';

export class MessageBodyView implements Resolved<gql.MessageBody> {
  private cut: boolean;

  constructor(
    private readonly source: MessageBodySource,
    private readonly message: ReadMessage,
    private readonly links: Links,
    private readonly maxBodyBytes: number,
  ) {
    this.cut = source.truncated;
  }

  text({ maxBytes }: gql.MessageBodyTextArgs): string | null {
    const limit = this.limit(maxBytes);
    const { text, html } = this.source;
    const whole = text ?? (html === undefined ? undefined : htmlToText(html));
    if (whole === undefined) return null;
    const kept = cutUtf8(whole, limit);
    this.cut ||= kept.length < whole.length;
    return kept;
  }

  html({ remoteContent, maxBytes }: gql.MessageBodyHtmlArgs): string | null {
    const limit = this.limit(maxBytes);
    if (this.source.html === undefined) return null;
    const safe = htmlToSafeHtml(this.source.html, {
      remoteContent: remoteContent ?? 'BLOCK',
      cidUrl: (contentId) => this.urlOf(contentId),
      maxBytes: limit,
    });
    this.cut ||= safe.truncated;
    return safe.html;
  }

  /** Depends on how `text` and `html` were asked for beside it: graphql-js calls all fields of an object before a promise goes on. */
  async truncated(): Promise<boolean> {
    await Promise.resolve();
    return this.cut;
  }

  private limit(maxBytes: number | null | undefined): number {
    if (maxBytes == null) return this.maxBodyBytes;
    if (maxBytes < 0) throw invalidInput(['maxBytes'], 'maxBytes must not be negative');
    return Math.min(maxBytes, this.maxBodyBytes);
  }

  private urlOf(contentId: string): string | undefined {
    const part = findByContentId(this.message.root, contentId);
    return part && this.links.part(this.message.id, part.partNumber);
  }
}

function findByContentId(part: Part, contentId: string): Part | undefined {
  if (part.contentId === contentId) return part;
  for (const child of part.parts) {
    const found = findByContentId(child, contentId);
    if (found) return found;
  }
  return undefined;
}

/** At most so many octets, without half a character at the end. */
function cutUtf8(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const octets = Buffer.from(text);
  let end = maxBytes;
  while (end > 0 && (octets[end]! & 0xc0) === 0x80) end -= 1;
  return octets.toString('utf8', 0, end);
}

import { makePreview } from '../mime/preview.js';
import type { Keeper } from './keeper.port.js';
import { previewOf, previewRequest } from './message-text.js';
import type { MessageId } from './model/ids.js';
import type { Mailbox } from './model/mailbox.js';
import type { ReadMessage } from './model/message.js';

/**
 * Previews of messages of one mailbox, in few round trips: as the server makes them where it does (RFC 8970), else from the first
 * octets of their texts. What could not be had is left out.
 */
export async function readPreviews(
  keeper: Keeper,
  mailbox: Mailbox,
  messages: readonly ReadMessage[],
  signal: AbortSignal,
): Promise<ReadonlyMap<MessageId, string>> {
  const told = keeper.storage === 'SERVER' ? await keeper.fetchPreviews(mailbox, messages, signal) : new Map();
  const previews = new Map<MessageId, string>();
  for (const [id, text] of told) previews.set(id, makePreview(text));
  const others = messages.filter(({ id }) => !previews.has(id));
  const requests = others.flatMap(previewRequest);
  const parts = requests.length === 0 ? [] : await keeper.fetchParts(mailbox, requests, signal);
  for (const message of others) {
    const preview = previewOf(message, parts);
    if (preview !== undefined) previews.set(message.id, preview);
  }
  return previews;
}

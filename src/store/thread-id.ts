import { hash } from 'node:crypto';
import type { AccountId, MessageId, ThreadId } from '../mailbox/model/ids.js';
import type { MessageData } from '../mailbox/model/message.js';
import { toUuid } from '../common/uuid.js';
import { storableText } from '../mime/clean-text.js';

/**
 * What all messages of one thread have in common: the server's own id of it, else the Message-ID at the root of their References
 * (RFC 5322 section 3.6.4). Told by each message alone, so that it matters neither in which order messages come nor who reads
 * them. The price: a reply to a reply that names nothing but its parent begins a thread.
 */
function threadKey(
  id: MessageId,
  { serverThreadId, envelope }: Pick<MessageData, 'serverThreadId' | 'envelope'>,
): string {
  if (serverThreadId !== undefined) return `server:${serverThreadId}`;
  const root = envelope.references[0] ?? envelope.inReplyTo[0] ?? envelope.messageId;
  return root === undefined ? `row:${id}` : `id:${root}`;
}

/** A UUID made of a SHA-256 (RFC 9562 section 5.8) of account and key; migration 0007 computes the same in SQL. */
export function threadIdOf(
  accountId: AccountId,
  id: MessageId,
  data: Pick<MessageData, 'serverThreadId' | 'envelope'>,
): ThreadId {
  const text = `${accountId}\n${storableText(threadKey(id, data))}`;
  const digest = hash('sha256', text, 'buffer').subarray(0, 16);
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  return toUuid(digest) as ThreadId;
}

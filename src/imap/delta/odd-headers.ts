import type { RemoteMessage } from '../../mailbox/keeper.port.js';
import type { Envelope } from '../../mailbox/model/message.js';
import { scanHeader } from '../../mime/scan-header.js';
import type { ImapConnection } from '../imap.connection.js';
import { maxHeaderBytes, maxSetChars } from '../imap.limits.js';
import type { FetchedRow } from '../imap.mapping.js';
import { UidSet } from '../uid-set.js';

const replacement = '\ufffd';

/**
 * ENVELOPE cannot carry octets above 127 that are not UTF-8 (RFC 9051 section 7.5.2), and older programs write their local charset
 * into headers: then what came is not what was written.
 */
export function isOdd({ subject = '', from, to, cc, replyTo, sender }: Envelope): boolean {
  if (subject.includes(replacement)) return true;
  return [from, to, cc, replyTo, sender].some((list) => list.some(({ name }) => name?.includes(replacement)));
}

/** The same messages with envelopes made from their headers, one question for all of them. */
export async function repairEnvelopes(
  connection: ImapConnection,
  messages: readonly RemoteMessage[],
  signal: AbortSignal,
): Promise<readonly RemoteMessage[]> {
  const envelopes = new Map<number, Envelope>();
  const items = { uid: true, bodyParts: [{ key: 'HEADER', start: 0, maxLength: maxHeaderBytes }] };
  for (const uids of UidSet.of(messages.map(({ uid }) => uid)).lines(maxSetChars)) {
    for await (const rows of connection.fetch(uids, items, { toItem: toEnvelope, uid: true }, signal)) {
      for (const { uid, envelope } of rows) envelopes.set(uid, envelope);
    }
  }
  return messages.map((message) => {
    const envelope = envelopes.get(message.uid);
    return envelope ? { ...message, data: { ...message.data, envelope } } : message;
  });
}

const toEnvelope = ({ uid, headers }: FetchedRow): { uid: number; envelope: Envelope } | undefined =>
  headers && { uid, envelope: scanHeader(headers, new Date(0)).envelope };

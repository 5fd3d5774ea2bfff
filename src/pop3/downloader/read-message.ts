import { createHash, hash } from 'node:crypto';
import type { AccountId, ContentId } from '../../mailbox/model/ids.js';
import { describeHeader, type DescribedMessage } from '../../mime/describe-message.js';
import type { DownloadLedger } from '../../store/download-ledger.port.js';
import { headerIdentity } from './header-identity.js';
import type { MessageIdentity } from './recognition.js';

/** A message that was read whole, as far as its header tells. */
export interface ReadMessage extends DescribedMessage {
  /** In hand, or in the database already, where nobody sees them before their batch is committed. */
  readonly octets: Buffer | ContentId;
  readonly identity: MessageIdentity;
}

export const readWhole = (octets: Buffer, now: Date): ReadMessage => ({
  octets,
  identity: {
    sha256: hash('sha256', octets, 'hex'),
    headerSha256: headerIdentity(octets),
  },
  ...describeHeader(octets, octets.length, now),
});

/** Carries a large message into the database piece by piece. @throws what `pieces` throws, and what the database does */
export async function readStream(
  pieces: AsyncIterable<Buffer>,
  accountId: AccountId,
  ledger: DownloadLedger,
): Promise<ReadMessage> {
  const contentId = await ledger.beginContent(accountId);
  const digest = createHash('sha256');
  let first: Buffer = Buffer.alloc(0);
  let sizeBytes = 0;
  let seq = 0;
  for await (const piece of pieces) {
    digest.update(piece);
    // As long as a header is read. A copy: the piece is lent.
    if (seq === 0) first = Buffer.from(piece);
    await ledger.appendContent(accountId, contentId, seq, piece);
    sizeBytes += piece.length;
    seq += 1;
  }
  const sha256 = digest.digest('hex');
  const described = describeHeader(first, sizeBytes, new Date());
  await ledger.endContent(accountId, contentId, { sizeBytes, sha256, headerFields: described.headerFields });
  return { octets: contentId, identity: { sha256, headerSha256: headerIdentity(first) }, ...described };
}

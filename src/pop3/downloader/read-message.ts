import { createHash } from 'node:crypto';
import type { AccountId, ContentId } from '../../mailbox/model/ids.js';
import { describeHeader, type DescribedMessage } from '../../mime/describe-message.js';
import type { DownloadLedger } from '../../store/download-ledger.port.js';
import { headerIdentity } from './header-identity.js';
import type { MessageIdentity } from './recognition.js';

/** A message that was read whole. */
export interface ReadMessage {
  /** In hand, or in the database already, where nobody sees them before their batch is committed. */
  readonly octets: Buffer | ContentId;
  readonly sizeBytes: number;
  readonly identity: MessageIdentity;
  /** By its header. */
  readonly describe: (now: Date) => DescribedMessage;
}

export const readWhole = (octets: Buffer): ReadMessage => ({
  octets,
  sizeBytes: octets.length,
  identity: {
    sha256: createHash('sha256').update(octets).digest('hex'),
    headerSha256: headerIdentity(octets),
  },
  describe: (now) => describeHeader(octets, octets.length, now),
});

/** Carries a large message into the database piece by piece. @throws what `pieces` throws, and what the database does */
export async function readStream(
  pieces: AsyncIterable<Buffer>,
  accountId: AccountId,
  ledger: DownloadLedger,
): Promise<ReadMessage> {
  const contentId = await ledger.beginContent(accountId);
  const hash = createHash('sha256');
  let first: Buffer = Buffer.alloc(0);
  let sizeBytes = 0;
  let seq = 0;
  for await (const piece of pieces) {
    hash.update(piece);
    // As long as a header is read.
    if (seq === 0) first = piece;
    await ledger.appendContent(accountId, contentId, seq, piece);
    sizeBytes += piece.length;
    seq += 1;
  }
  return {
    octets: contentId,
    sizeBytes,
    identity: { sha256: hash.digest('hex'), headerSha256: headerIdentity(first) },
    describe: (now) => describeHeader(first, sizeBytes, now),
  };
}

import { createHash } from 'node:crypto';
import type { ContentId } from '../mailbox/model/ids.js';
import type { HeaderField } from '../mailbox/model/message.js';
import type { MirrorTransaction } from './mirror.port.js';

/** Octets a row; small enough that a message of any size passes through memory in pieces. */
export const CHUNK_BYTES = 256 * 1024;

/** Stores the exact octets of a message that stands in memory. */
export async function saveContent(
  tx: MirrorTransaction,
  id: ContentId,
  octets: Buffer,
  headerFields: readonly HeaderField[],
): Promise<void> {
  const sha256 = createHash('sha256').update(octets).digest();
  await tx.insertContent({ id, sizeBytes: octets.length, sha256, headerFields });
  for (let seq = 0; seq * CHUNK_BYTES < octets.length; seq += 1) {
    await tx.insertChunk(id, seq, octets.subarray(seq * CHUNK_BYTES, (seq + 1) * CHUNK_BYTES));
  }
}

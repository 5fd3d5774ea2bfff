import type { DataSource } from 'typeorm';
import type { AccountId, ContentId } from '../mailbox/model/ids.js';
import { select } from './sql.js';

/** Rows read at a time: 4 x 256 KiB in memory, whatever the message's size. */
const piecesPerRead = 4;

/** Stored octets in order; nothing where there are none. */
export async function* readPieces(
  dataSource: DataSource,
  accountId: AccountId,
  contentId: ContentId,
): AsyncGenerator<Buffer> {
  for (let seq = 0; ; seq += piecesPerRead) {
    const rows = await select<{ octets: Buffer }>(
      dataSource,
      `SELECT octets FROM content_chunk
       WHERE account_id = $1 AND content_id = $2 AND seq >= $3 AND seq < $4 ORDER BY seq`,
      [accountId, contentId, seq, seq + piecesPerRead],
    );
    for (const row of rows) yield row.octets;
    if (rows.length < piecesPerRead) return;
  }
}

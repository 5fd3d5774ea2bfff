import pg from 'pg';
import type { DataSource } from 'typeorm';
import { countSpent } from '../common/spent-octets.js';
import type { AccountId, ContentId } from '../mailbox/model/ids.js';
import { copyOut } from './copy.js';
import { onConnection } from './sql.js';

/** Stored octets in order; nothing where there are none. One piece is in memory at a time, and no connection between two. */
export async function* readPieces(
  dataSource: DataSource,
  accountId: AccountId,
  contentId: ContentId,
): AsyncGenerator<Buffer> {
  for (let seq = 0, more = true; more; seq += 1) {
    const row = await onConnection(dataSource, (runner) => copyOut(runner, pieceQuery(accountId, contentId, seq)));
    if (!row) return;
    const [octets, hasNext] = row as [Buffer, Buffer];
    yield octets;
    countSpent(octets.length);
    more = hasNext[0] === 1;
  }
}

/** Octets, and whether another piece follows. */
const pieceQuery = (accountId: AccountId, contentId: ContentId, seq: number): string =>
  `SELECT octets, EXISTS (SELECT FROM content_chunk n
     WHERE n.account_id = c.account_id AND n.content_id = c.content_id AND n.seq = c.seq + 1)
   FROM content_chunk c
   WHERE account_id = ${pg.escapeLiteral(accountId)} AND content_id = ${pg.escapeLiteral(contentId)} AND seq = ${seq}`;

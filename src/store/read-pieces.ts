import pg from 'pg';
import type { DataSource } from 'typeorm';
import { countSpent } from '../common/spent-octets.js';
import type { AccountId, ContentId } from '../mailbox/model/ids.js';
import { copyOut } from './copy.js';
import { PIECE_BYTES } from './pieces.js';

/** Stored octets in order; nothing where there are none. One piece is in memory at a time, and no connection between two. */
export async function* readPieces(
  dataSource: DataSource,
  accountId: AccountId,
  contentId: ContentId,
): AsyncGenerator<Buffer> {
  for (let seq = 0; ; seq += 1) {
    const piece = await readPiece(dataSource, accountId, contentId, seq);
    if (!piece) return;
    yield piece;
    countSpent(piece.length);
    if (piece.length < PIECE_BYTES) return;
  }
}

async function readPiece(
  dataSource: DataSource,
  accountId: AccountId,
  contentId: ContentId,
  seq: number,
): Promise<Buffer | undefined> {
  const runner = dataSource.createQueryRunner();
  try {
    return await copyOut(
      runner,
      `SELECT octets FROM content_chunk
       WHERE account_id = ${pg.escapeLiteral(accountId)} AND content_id = ${pg.escapeLiteral(contentId)} AND seq = ${seq}`,
    );
  } finally {
    await runner.release();
  }
}

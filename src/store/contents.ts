import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import type { AccountId, ContentId } from '../mailbox/model/ids.js';
import { copyIn } from './copy.js';
import type { NewContent } from './mirror.port.js';
import { PIECE_BYTES } from './pieces.js';
import { jsonText, onConnection, select } from './sql.js';

/**
 * Octets with what is kept about them, in the transaction of `on`. Without one they have their own, which does not wait for the
 * disk: that of the rows that make them messages does, and follows it in the same log (ADR 9).
 */
export async function insertContents(
  on: DataSource | EntityManager,
  accountId: AccountId,
  contents: readonly NewContent[],
): Promise<void> {
  if (contents.length === 0) return;
  if (on instanceof DataSource) {
    return on.transaction(async (manager) => {
      await select(manager, 'SET LOCAL synchronous_commit = off');
      await insertContents(manager, accountId, contents);
    });
  }
  await select(
    on,
    `INSERT INTO content (account_id, id, size_bytes, sha256, header_fields)
     SELECT $1, * FROM unnest($2::uuid[], $3::integer[], $4::bytea[], $5::jsonb[])`,
    [
      accountId,
      contents.map(({ id }) => id),
      contents.map(({ octets }) => octets.length),
      contents.map(({ sha256 }) => sha256),
      contents.map(({ headerFields }) => jsonText(headerFields)),
    ],
  );
  const pieces = contents.flatMap(({ id, octets }) =>
    cut(octets).map((piece, seq) => ({ content_id: id, seq, octets: piece })),
  );
  await copyPieces(on.queryRunner!, accountId, pieces);
}

/** One piece of a content that is there already. */
export function insertPiece(
  dataSource: DataSource,
  accountId: AccountId,
  contentId: ContentId,
  seq: number,
  octets: Buffer,
): Promise<void> {
  const piece = { content_id: contentId, seq, octets };
  return onConnection(dataSource, (runner) => copyPieces(runner, accountId, [piece]));
}

interface Piece {
  readonly content_id: ContentId;
  readonly seq: number;
  readonly octets: Buffer;
}

const PIECE_COLUMNS = { account_id: 'uuid', content_id: 'uuid', seq: 'integer', octets: 'bytea' } as const;

const copyPieces = (runner: QueryRunner, accountId: AccountId, pieces: readonly Piece[]): Promise<void> =>
  copyIn(
    runner,
    'content_chunk',
    PIECE_COLUMNS,
    pieces.map((piece) => ({ account_id: accountId, ...piece })),
  );

const cut = (octets: Buffer): Buffer[] =>
  Array.from({ length: Math.max(1, Math.ceil(octets.length / PIECE_BYTES)) }, (_, seq) =>
    octets.subarray(seq * PIECE_BYTES, (seq + 1) * PIECE_BYTES),
  );

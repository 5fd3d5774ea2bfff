import type { DataSource, EntityManager } from 'typeorm';
import type { AccountId } from '../mailbox/model/ids.js';
import type { NewContent } from './mirror.port.js';
import { PIECE_BYTES } from './pieces.js';
import { jsonText, select } from './sql.js';

/**
 * Octets with what is kept about them, in one statement; in a transaction of its own unless `on` has one.
 * All octets go as one parameter, which the driver sends as it is, and Postgres cuts it: the text of the statement is always the
 * same, and what the driver copies is copied once.
 */
export async function insertContents(
  on: DataSource | EntityManager,
  accountId: AccountId,
  contents: readonly NewContent[],
): Promise<void> {
  if (contents.length === 0) return;
  await select(
    on,
    `WITH c AS (
       SELECT *, sum(size_bytes) OVER (ROWS UNBOUNDED PRECEDING) - size_bytes AS start
       FROM unnest($2::uuid[], $3::integer[], $4::bytea[], $5::jsonb[]) AS c (id, size_bytes, sha256, header_fields)
     ), content AS (
       INSERT INTO content (account_id, id, size_bytes, sha256, header_fields)
       SELECT $1, id, size_bytes, sha256, header_fields FROM c
     )
     INSERT INTO content_chunk (account_id, content_id, seq, octets)
     SELECT $1, id, seq, substring($6::bytea FROM (start + seq * ${PIECE_BYTES})::integer + 1
       FOR least(size_bytes - seq * ${PIECE_BYTES}, ${PIECE_BYTES}))
     FROM c, generate_series(0, greatest(size_bytes - 1, 0) / ${PIECE_BYTES}) AS seq`,
    [
      accountId,
      contents.map(({ id }) => id),
      contents.map(({ octets }) => octets.length),
      contents.map(({ sha256 }) => sha256),
      contents.map(({ headerFields }) => jsonText(headerFields)),
      contents.length === 1 ? contents[0]!.octets : Buffer.concat(contents.map(({ octets }) => octets)),
    ],
  );
}

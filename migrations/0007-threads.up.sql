-- The thread of a message, told by what the message says of itself: thread-id.ts computes the same.
ALTER TABLE message ADD COLUMN thread_id uuid;
WITH keyed AS (
  SELECT account_id, id, coalesce(
    'id:' || coalesce(envelope->'references'->>0, envelope->'inReplyTo'->>0, message_id), 'row:' || id
  ) AS key FROM message
), hashed AS (
  SELECT account_id, id, substring(sha256(convert_to(account_id || E'\n' || key, 'UTF8')) FOR 16) AS hash FROM keyed
)
UPDATE message m
SET thread_id = encode(set_byte(set_byte(h.hash, 6, (get_byte(h.hash, 6) & 15) | 128), 8, (get_byte(h.hash, 8) & 63) | 128), 'hex')::uuid
FROM hashed h WHERE h.account_id = m.account_id AND h.id = m.id;
ALTER TABLE message ALTER COLUMN thread_id SET NOT NULL;
CREATE INDEX message_by_thread ON message (thread_id, received_at, id);

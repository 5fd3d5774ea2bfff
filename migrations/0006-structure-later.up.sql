-- Messages that are stored here are listed by their header at once, and read as MIME afterwards: null until then.
ALTER TABLE message ALTER COLUMN parts DROP NOT NULL;
CREATE INDEX message_unread_octets ON message (account_id, content_id) WHERE parts IS NULL;

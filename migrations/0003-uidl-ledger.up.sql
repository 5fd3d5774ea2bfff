-- What was taken from each POP3 maildrop. A row outlives the local message, so that purged mail is not downloaded again.
CREATE TABLE uidl (
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  id uuid NOT NULL,
  -- As the server spells it (RFC 1939 section 7), or a hash of the octets where the server has no UIDL. Not unique: servers
  -- list two messages under one id, and use ids again.
  uidl bytea NOT NULL,
  -- STORED: its octets were committed here. DELETING: DELE was or is about to be sent, and no listing has shown yet what came of
  -- it. DELETED: a later listing lacked it. FAILED: it could not be read.
  state text NOT NULL CHECK (state IN ('STORED', 'DELETING', 'DELETED', 'FAILED')),
  -- The row of `message` that the download made; stays when that message is gone.
  message_id uuid,
  content_id uuid,
  list_size bigint,
  raw_sha256 bytea,
  -- Of the header without the fields that servers change; null where the header could be another message's too.
  header_sha256 bytea,
  -- As the newest listing had it; false at once when the server has accepted a deletion.
  on_server boolean NOT NULL,
  -- Times that reading it failed (FAILED), or that its deletion was refused or did not last.
  attempts integer NOT NULL DEFAULT 0,
  stored_at timestamptz,
  -- Of the last of those attempts.
  failed_at timestamptz,
  -- The last local copy was deleted for good.
  purged_at timestamptz,
  PRIMARY KEY (account_id, id),
  CHECK (state = 'FAILED' OR (raw_sha256 IS NOT NULL AND stored_at IS NOT NULL))
);
CREATE INDEX uidl_uidl ON uidl (account_id, uidl);
CREATE INDEX uidl_message ON uidl (account_id, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX uidl_content ON uidl (account_id, content_id) WHERE content_id IS NOT NULL;

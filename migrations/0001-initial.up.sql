CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE account (
  id uuid PRIMARY KEY,
  protocol text NOT NULL CHECK (protocol IN ('IMAP', 'POP3')),
  name text NOT NULL,
  email_address text,
  host text NOT NULL,
  port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
  security text NOT NULL CHECK (security IN ('TLS', 'STARTTLS', 'NONE')),
  username text NOT NULL,
  authentication text NOT NULL CHECK (authentication IN ('PASSWORD', 'OAUTH2')),
  -- IMAP only
  only_mailboxes text[],
  -- POP3 only
  after_download text CHECK (after_download IN ('DELETE', 'KEEP', 'DELETE_AFTER_DAYS')),
  delete_after_days integer,
  delete_when_expunged boolean,
  poll_interval_seconds integer,
  max_message_bytes bigint,
  last_poll_at timestamptz,
  next_poll_at timestamptz,
  last_poll jsonb,
  state text NOT NULL CHECK (state IN ('CONNECTING', 'SYNCING', 'ONLINE', 'OFFLINE', 'AUTHENTICATION_FAILED', 'PAUSED')),
  state_since timestamptz NOT NULL,
  last_error_code text,
  last_error_message text,
  last_error_at timestamptz,
  next_attempt_at timestamptz,
  last_success_at timestamptz,
  capabilities jsonb,
  -- Position of the newest row of this account's change log. Its row lock orders every write of the account's mirror.
  change_position bigint NOT NULL DEFAULT 0,
  -- Newest position that was trimmed away: replay is possible from here on.
  changes_trimmed_to bigint NOT NULL DEFAULT 0,
  -- Raised by whoever takes over the watch; writes of a former owner are refused.
  epoch bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL
);
CREATE INDEX account_created ON account (created_at, id);

CREATE TABLE mailbox (
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  id uuid NOT NULL,
  path text NOT NULL,
  delimiter text,
  parent_id uuid,
  special_use text,
  subscribed boolean NOT NULL,
  selectable boolean NOT NULL,
  -- Kept true by the transaction that changes messages.
  total_messages integer NOT NULL DEFAULT 0,
  unseen_messages integer NOT NULL DEFAULT 0,
  -- Checkpoint of the synchronisation; all null before its first batch, and always for storage GATEWAY.
  uid_validity bigint,
  lowest_uid bigint,
  next_uid bigint,
  highest_mod_seq bigint,
  sync_complete boolean NOT NULL,
  sync_total integer NOT NULL DEFAULT 0,
  sync_synced integer NOT NULL DEFAULT 0,
  last_sync_at timestamptz,
  PRIMARY KEY (account_id, id),
  -- Checked at the end of a transaction: renaming a subtree passes through clashes.
  UNIQUE (account_id, path) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX mailbox_id ON mailbox (id);

-- Octets that live here (POP3 and imported messages). Copies inside an account share them.
CREATE TABLE content (
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  id uuid NOT NULL,
  size_bytes bigint NOT NULL,
  sha256 bytea NOT NULL,
  -- [{"name": …, "value": …}], decoded, for the header filter.
  header_fields jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (account_id, id)
);

CREATE TABLE content_chunk (
  account_id uuid NOT NULL,
  content_id uuid NOT NULL,
  seq integer NOT NULL,
  octets bytea NOT NULL,
  PRIMARY KEY (account_id, content_id, seq),
  FOREIGN KEY (account_id, content_id) REFERENCES content ON DELETE CASCADE
);
-- Mail is mostly base64 and small text: compression costs more than it gives, and EXTERNAL allows slices.
ALTER TABLE content_chunk ALTER COLUMN octets SET STORAGE EXTERNAL;

CREATE TABLE message (
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  id uuid NOT NULL,
  mailbox_id uuid NOT NULL,
  -- Null for messages that live here, and for moved ones whose new UID the server has not told yet.
  uid_validity bigint,
  uid bigint,
  mod_seq bigint,
  content_id uuid,
  email_id text,
  message_id text,
  subject text,
  -- Envelope fields that are only shown, never sorted or filtered by.
  envelope jsonb NOT NULL,
  from_text text NOT NULL,
  to_text text NOT NULL,
  cc_text text NOT NULL,
  bcc_text text NOT NULL,
  sort_subject text COLLATE "C" NOT NULL,
  sort_from text COLLATE "C" NOT NULL,
  sent_at timestamptz,
  -- sent_at, or received_at where there is none, so that the order is total.
  sort_sent_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  size_bytes bigint NOT NULL,
  seen boolean NOT NULL,
  flagged boolean NOT NULL,
  answered boolean NOT NULL,
  draft boolean NOT NULL,
  keywords text[] NOT NULL,
  has_attachments boolean NOT NULL,
  preview text,
  parts jsonb NOT NULL,
  parse_warnings text[] NOT NULL,
  PRIMARY KEY (account_id, id),
  FOREIGN KEY (account_id, mailbox_id) REFERENCES mailbox ON DELETE CASCADE,
  FOREIGN KEY (account_id, content_id) REFERENCES content
);
CREATE UNIQUE INDEX message_uid ON message (account_id, mailbox_id, uid_validity, uid);
CREATE INDEX message_id ON message (id);
CREATE INDEX message_by_mailbox ON message (account_id, mailbox_id, received_at, id);
CREATE INDEX message_by_account ON message (account_id, received_at, id);
CREATE INDEX message_header_id ON message (account_id, message_id);
CREATE INDEX message_content ON message (account_id, content_id) WHERE content_id IS NOT NULL;
CREATE INDEX message_unplaced ON message (account_id, mailbox_id) WHERE uid IS NULL AND content_id IS NULL;
CREATE INDEX message_header_text ON message USING gin (subject gin_trgm_ops, from_text gin_trgm_ops, to_text gin_trgm_ops, cc_text gin_trgm_ops);

CREATE TABLE change (
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  position bigint NOT NULL,
  at timestamptz NOT NULL,
  type text NOT NULL,
  message_id uuid,
  mailbox_id uuid,
  previous_mailbox_id uuid,
  initial boolean NOT NULL DEFAULT false,
  -- Removals keep what was removed, so that older entries of the log can still be shown.
  removed jsonb,
  PRIMARY KEY (account_id, position)
);
CREATE INDEX change_at ON change USING brin (at);
CREATE INDEX change_removed_message ON change (message_id) WHERE type = 'MESSAGE_REMOVED';
CREATE INDEX change_removed_mailbox ON change (mailbox_id) WHERE type = 'MAILBOX_REMOVED';

-- Idempotency keys of importMessage.
CREATE TABLE import_key (
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  key text NOT NULL,
  sha256 bytea NOT NULL,
  mailbox_id uuid NOT NULL,
  -- Null while the import is under way, or was cut off.
  message_id uuid,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, key)
);

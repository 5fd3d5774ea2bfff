-- One data key for each account, wrapped by the master key. Nonce and tag stand in the value (src/credentials/sealing.ts).
CREATE TABLE credential_key (
  account_id uuid PRIMARY KEY REFERENCES account ON DELETE CASCADE,
  master_key_id text NOT NULL,
  wrapped_key bytea NOT NULL
);
CREATE INDEX credential_key_master ON credential_key (master_key_id);

-- Each secret by itself, sealed with the account's data key and bound to account and field.
CREATE TABLE credential (
  account_id uuid NOT NULL REFERENCES credential_key ON DELETE CASCADE,
  field text NOT NULL CHECK (field IN ('PASSWORD', 'ACCESS_TOKEN', 'RENEWAL')),
  sealed bytea NOT NULL,
  PRIMARY KEY (account_id, field)
);

CREATE TABLE api_key (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  -- SHA-256 of the key: 256 random bits need no salt and no slow hash.
  hash bytea NOT NULL UNIQUE,
  -- The key's first characters, for people.
  prefix text NOT NULL,
  scopes text[] NOT NULL,
  -- Null where every account may be seen.
  account_ids uuid[],
  created_at timestamptz NOT NULL,
  last_used_at timestamptz,
  expires_at timestamptz
);

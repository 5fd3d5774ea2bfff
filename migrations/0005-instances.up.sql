-- One row for each running instance, renewed every few seconds. When its time is over, others take its accounts.
CREATE TABLE instance (
  id uuid PRIMARY KEY,
  started_at timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz NOT NULL,
  -- Where its process can be looked for after a crash, and under which number; null where that cannot be told.
  process_space text,
  process_id integer
);

ALTER TABLE account
  -- The instance that watches it, as long as that instance lives. No foreign key: a dead one's accounts are free by that alone.
  ADD owner uuid,
  -- Raised by every change that whoever works on the account must take up: settings, credentials, pause, resume.
  ADD version bigint NOT NULL DEFAULT 0;

-- The account's connection beyond those of its owner: whichever instance has the row may open one.
CREATE TABLE extra_connection (
  account_id uuid PRIMARY KEY REFERENCES account ON DELETE CASCADE,
  instance_id uuid NOT NULL REFERENCES instance ON DELETE CASCADE
);

-- "Look for news now", asked of the owner by another instance.
CREATE TABLE sync_request (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
  asked_at timestamptz NOT NULL DEFAULT now(),
  -- Null until it was done: what came of it, or the error.
  outcome jsonb
);
CREATE INDEX sync_request_account ON sync_request (account_id);

-- Messages over which a mail server ends the connection are few, are tried again, and are named by `Account.unreadableMessages`.
CREATE INDEX message_unreadable ON message (account_id, mailbox_id)
  WHERE parse_warnings @> ARRAY['the mail server ends the connection when this message is read; it will be tried again'];

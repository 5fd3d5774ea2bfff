DROP TABLE import_key, change, message, content_chunk, content, mailbox, account;

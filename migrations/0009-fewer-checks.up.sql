-- Each message's mailbox is checked already, and leads to the account: deleting one still deletes its messages.
ALTER TABLE message DROP CONSTRAINT message_account_id_fkey;

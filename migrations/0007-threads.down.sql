DROP INDEX message_by_thread;
ALTER TABLE message DROP COLUMN thread_id;

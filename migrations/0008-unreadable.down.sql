DROP INDEX message_unreadable;

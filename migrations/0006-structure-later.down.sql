DROP INDEX message_unread_octets;
-- What was not read yet is shown without text from then on; its octets stay.
UPDATE message SET parts = '{"partNumber": "1", "contentType": "text/plain", "sizeBytes": 0, "parts": []}' WHERE parts IS NULL;
ALTER TABLE message ALTER COLUMN parts SET NOT NULL;

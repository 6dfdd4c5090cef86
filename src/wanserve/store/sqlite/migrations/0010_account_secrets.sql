-- The secret before the last rotation, and until when it signs too.
ALTER TABLE webhook_secrets ADD COLUMN old_secret TEXT;
ALTER TABLE webhook_secrets ADD COLUMN old_until_ms INTEGER;

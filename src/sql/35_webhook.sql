--
-- Webhooks, see realtime.webhook().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.webhook_declaration (
	path text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT path_is_valid
		CHECK (octet_length(path) <= 255 AND path ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+$'),
	topic text COLLATE pg_catalog."C",
	verify text NOT NULL,
	transform text NOT NULL,
	max_body integer NOT NULL DEFAULT 1048576
		CONSTRAINT max_body_is_positive CHECK (max_body > 0)
);
COMMENT ON TABLE realtime.webhook_declaration IS
	'What other services tell by HTTP, see realtime.webhook()';
COMMENT ON COLUMN realtime.webhook_declaration.path IS
	'What is behind /__webhook/ in its address';
COMMENT ON COLUMN realtime.webhook_declaration.topic IS
	'Topic on which it is published; NULL is as transform says';
COMMENT ON COLUMN realtime.webhook_declaration.verify IS
	'Signature of the function that says whether it is from whom it says';
COMMENT ON COLUMN realtime.webhook_declaration.transform IS
	'Signature of the function that makes a message of it';
COMMENT ON COLUMN realtime.webhook_declaration.max_body IS
	'Bytes of its body, at most';
COMMENT ON INDEX realtime.webhook_declaration_pkey IS
	'One webhook for each path';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.webhook_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.webhook_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.webhook_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.webhook_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.webhook_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.webhook_declaration', '');

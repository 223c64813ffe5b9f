--
-- Channels of NOTIFY whose notifications are published, see realtime.bridge().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.bridge_declaration (
	channel text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT channel_is_valid CHECK (octet_length(channel) BETWEEN 1 AND 63),
	topic text COLLATE pg_catalog."C",
	event text,
	parse text,
	invalidate text COLLATE pg_catalog."C",
	CONSTRAINT event_needs_topic_or_parse
		CHECK (event IS NULL OR topic IS NOT NULL OR parse IS NOT NULL)
);
COMMENT ON TABLE realtime.bridge_declaration IS
	'Channels of NOTIFY whose notifications are published, see realtime.bridge()';
COMMENT ON COLUMN realtime.bridge_declaration.channel IS
	'The channel, as in NOTIFY';
COMMENT ON COLUMN realtime.bridge_declaration.topic IS
	'Topic that notifications are published on; NULL is as the payload or the parse function says';
COMMENT ON COLUMN realtime.bridge_declaration.event IS
	'Name of the event; NULL is notify, or as the payload or the parse function says';
COMMENT ON COLUMN realtime.bridge_declaration.parse IS
	'Signature of the function that makes events of a payload';
COMMENT ON COLUMN realtime.bridge_declaration.invalidate IS
	'Topic whose subscribers are told to load again';
COMMENT ON INDEX realtime.bridge_declaration_pkey IS
	'One declaration for each channel';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.bridge_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.bridge_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.bridge_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.bridge_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.bridge_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.bridge_declaration', '');



--
-- Functions that run around all that clients ask for, see realtime.middleware().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.middleware_declaration (
	name text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT name_is_valid CHECK (octet_length(name) BETWEEN 1 AND 63),
	function text NOT NULL,
	place integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE realtime.middleware_declaration IS
	'Functions that run around all that clients ask for, see realtime.middleware()';
COMMENT ON COLUMN realtime.middleware_declaration.name IS
	'Name of the middleware';
COMMENT ON COLUMN realtime.middleware_declaration.function IS
	'Signature of the function';
COMMENT ON COLUMN realtime.middleware_declaration.place IS
	'The lower, the further outside it runs; of one place by name';
COMMENT ON INDEX realtime.middleware_declaration_pkey IS
	'One declaration for each name';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.middleware_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.middleware_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.middleware_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.middleware_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.middleware_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.middleware_declaration', '');

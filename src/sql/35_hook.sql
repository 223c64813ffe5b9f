--
-- Functions that have a say in what the server does, see realtime.hook().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.hook_declaration (
	name text COLLATE pg_catalog."C" PRIMARY KEY,
	function text NOT NULL
);
COMMENT ON TABLE realtime.hook_declaration IS
	'Functions that have a say in what the server does, see realtime.hook()';
COMMENT ON COLUMN realtime.hook_declaration.name IS
	'What it is about: authenticate, error';
COMMENT ON COLUMN realtime.hook_declaration.function IS
	'Signature of the function';
COMMENT ON INDEX realtime.hook_declaration_pkey IS
	'One function for each hook';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.hook_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.hook_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.hook_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.hook_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.hook_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.hook_declaration', '');


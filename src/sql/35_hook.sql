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
	'What it is about: authenticate, close ...';
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

--
-- Connections of which a close hook is to be told: written by the transaction
-- in which the open hook runs, gone with the one in which the close hook does.
-- So what is in here after a crash was open before it.
--
CREATE TABLE realtime.opened_connection (
	id text COLLATE pg_catalog."C" PRIMARY KEY,
	life bigint NOT NULL,
	gateway integer NOT NULL,
	generation bigint NOT NULL,
	user_id text,
	role text NOT NULL,
	user_data text,
	remote_address text,
	since timestamptz NOT NULL
);
COMMENT ON TABLE realtime.opened_connection IS
	'Connections of which a close hook is to be told';
COMMENT ON COLUMN realtime.opened_connection.id IS
	'Of the connection, see realtime.connections';
COMMENT ON COLUMN realtime.opened_connection.life IS
	'Of the server: another number after each start';
COMMENT ON COLUMN realtime.opened_connection.gateway IS
	'To which it belongs';
COMMENT ON COLUMN realtime.opened_connection.generation IS
	'How often that gateway had begun';
COMMENT ON COLUMN realtime.opened_connection.user_id IS
	'Whose it is; NULL if anonymous';
COMMENT ON COLUMN realtime.opened_connection.role IS
	'That calls run as; empty = the default of its kind';
COMMENT ON COLUMN realtime.opened_connection.user_data IS
	'JSON that authentication has returned';
COMMENT ON COLUMN realtime.opened_connection.remote_address IS
	'Of the client';
COMMENT ON COLUMN realtime.opened_connection.since IS
	'When it opened';
COMMENT ON INDEX realtime.opened_connection_pkey IS
	'Whether a connection is there';

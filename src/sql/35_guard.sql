
--
-- Who may go on to anything of a module, see realtime.guard().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.guard_declaration (
	module text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT module_is_valid
		CHECK (octet_length(module) <= 253 AND module ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$'),
	guards text[] NOT NULL DEFAULT '{}',
	authenticated boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE realtime.guard_declaration IS
	'Who may go on to anything of a module, see realtime.guard()';
COMMENT ON COLUMN realtime.guard_declaration.module IS
	'What the paths begin with, up to a slash';
COMMENT ON COLUMN realtime.guard_declaration.guards IS
	'Signatures of the functions that run before the guards of the path itself, in this order';
COMMENT ON COLUMN realtime.guard_declaration.authenticated IS
	'Whether only users are let in, and no anonymous client';
COMMENT ON INDEX realtime.guard_declaration_pkey IS
	'One declaration for each module';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.guard_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.guard_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.guard_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.guard_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.guard_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.guard_declaration', '');

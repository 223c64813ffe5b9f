--
-- Schemas whose tables are live, also those that are made later
--
CREATE TABLE realtime.watched_schema (
	schema text COLLATE pg_catalog."C" PRIMARY KEY,
	prefix text NOT NULL,
	owner regrole NOT NULL
);
COMMENT ON TABLE realtime.watched_schema IS
	'Schemas whose tables become live, see realtime.watch_schema()';
COMMENT ON COLUMN realtime.watched_schema.schema IS
	'Name of the schema';
COMMENT ON COLUMN realtime.watched_schema.prefix IS
	'What the topics of its tables begin with';
COMMENT ON COLUMN realtime.watched_schema.owner IS
	'Who has declared it: only tables become live that are this role''s, or of one that it is a member of';
COMMENT ON INDEX realtime.watched_schema_pkey IS
	'One row for each schema';
SELECT pg_catalog.pg_extension_config_dump('realtime.watched_schema', '');

-- Tables become live as if the owner had asked, so nobody but realtime.watch_schema() writes one, not even who may write all data.
ALTER TABLE realtime.watched_schema ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON realtime.watched_schema FOR SELECT USING (true);
COMMENT ON POLICY readable ON realtime.watched_schema IS
	'Whoever may read the table sees all schemas; nobody but its owner writes them';

-- Run as the owner of the extension (src/backend/live/schema.c).  What cannot be live is left, and said.
CREATE FUNCTION realtime.watch_table(relation regclass, prefix text, watcher oid) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name text := (SELECT relname FROM pg_class WHERE oid = relation AND relkind IN ('r', 'p') AND relpersistence <> 't' AND NOT relispartition
		AND pg_has_role(watcher, relowner, 'USAGE'));
BEGIN
	IF name IS NULL OR EXISTS (SELECT FROM realtime.live_tables l WHERE l.relation = watch_table.relation) THEN
		RETURN false;
	END IF;
	IF name !~ '^[A-Za-z0-9_.-]+$' THEN
		RAISE NOTICE 'table % does not become live: its name cannot stand in a topic', relation;
		RETURN false;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = relation AND indisprimary AND indnkeyatts = 1)
		AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = relation AND attname = 'id' AND NOT attisdropped) THEN
		RAISE NOTICE 'table % does not become live: it has neither a primary key of one column nor a column "id"', relation;
		RETURN false;
	END IF;
	PERFORM realtime.live_table(relation, prefix || ':' || name);
	RETURN true;
END
$$;
COMMENT ON FUNCTION realtime.watch_table(regclass, text, oid) IS
'Makes a table live that belongs to a watched schema, if it can be and is not; returns whether it has become so. For realtime.watch_schema().';

CREATE FUNCTION realtime.watch_tables(nsp regnamespace, prefix text, watcher oid) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name text := (SELECT nspname FROM pg_namespace WHERE oid = nsp);
	made integer;
BEGIN
	IF name IN ('realtime', 'information_schema') OR name ~ '^pg_' THEN
		RAISE invalid_parameter_value USING MESSAGE = format('schema "%s" cannot be watched', name);
	END IF;
	IF coalesce(watch_tables.prefix, name) !~ '^[A-Za-z0-9_.:-]+$' OR starts_with(coalesce(watch_tables.prefix, name), '__') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('topics cannot begin with "%s"', coalesce(watch_tables.prefix, name)),
			HINT = 'Give a prefix of letters, digits, "_", "-", "." and ":".';
	END IF;
	INSERT INTO realtime.watched_schema AS w (schema, prefix, owner) VALUES (name, coalesce(watch_tables.prefix, name), watcher)
		ON CONFLICT (schema) DO UPDATE SET prefix = EXCLUDED.prefix, owner = EXCLUDED.owner;
	SELECT count(*) FILTER (WHERE realtime.watch_table(c.oid, w.prefix, w.owner)) INTO made
		FROM pg_class c, realtime.watched_schema w
		WHERE w.schema = name AND c.relnamespace = nsp AND c.relkind IN ('r', 'p');
	RETURN made;
END
$$;
COMMENT ON FUNCTION realtime.watch_tables(regnamespace, text, oid) IS
'Watches a schema, and makes its tables live; returns how many have become so. For realtime.watch_schema().';

CREATE FUNCTION realtime.watch_schema(nsp regnamespace, prefix text DEFAULT NULL) RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_watch_schema';
COMMENT ON FUNCTION realtime.watch_schema(regnamespace, text) IS
'Makes all tables of a schema live, as realtime.live_table() does, and those that are made in it later, by anybody; returns how many have become so now. That holds for tables of the user, and of roles that he is a member of. A table is on the topic prefix:table, by default that of the schema''s name; tables that are live already stay as they are. One without a key becomes live when it gets one; partitions are with their table.
Errors: 22023 for a schema of the server or a prefix that cannot be one of topics, and those of realtime.live_table().';

CREATE FUNCTION realtime.unwatch_schema(nsp regnamespace) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_unwatch_schema';
COMMENT ON FUNCTION realtime.unwatch_schema(regnamespace) IS
'Ends realtime.watch_schema(): tables that are made from now on do not become live, those that are stay so; returns whether it was watched.';

CREATE FUNCTION realtime.table_made() RETURNS event_trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_table_made';
COMMENT ON FUNCTION realtime.table_made() IS
'Event trigger: makes tables live that are made in a watched schema, or get a key there.';
CREATE EVENT TRIGGER realtime_table_made ON ddl_command_end
	WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE SCHEMA')
	EXECUTE FUNCTION realtime.table_made();
COMMENT ON EVENT TRIGGER realtime_table_made IS
	'Makes tables of watched schemas live, see realtime.watch_schema()';

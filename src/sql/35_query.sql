--
-- Live queries: a SELECT whose rows clients follow.  Written by
-- realtime.query().  The order of columns is known to
-- src/catalog/declaration_table.h.
--
CREATE TABLE realtime.query_declaration (
	path text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT path_is_valid
		CHECK (octet_length(path) <= 255 AND path ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+$'),
	id bigint NOT NULL UNIQUE
		CONSTRAINT id_is_valid CHECK (id BETWEEN 1 AND 4294967295),
	sql text,
	loader text,
	key text NOT NULL DEFAULT 'id'
		CONSTRAINT key_is_not_empty CHECK (key <> ''),
	parameters regtype[] NOT NULL DEFAULT '{}',
	depends_on regclass[] NOT NULL DEFAULT '{}',
	stale_after interval
		CONSTRAINT stale_after_is_positive CHECK (stale_after > '0'),
	debounce interval NOT NULL DEFAULT '0'
		CONSTRAINT debounce_is_not_negative CHECK (debounce >= '0'),
	max_rows integer NOT NULL DEFAULT 10000
		CONSTRAINT max_rows_is_positive CHECK (max_rows > 0),
	access text,
	guards text[] NOT NULL DEFAULT '{}',
	transform text,
	on_subscribe text,
	on_unsubscribe text,
	on_error text,
	max integer
		CONSTRAINT max_is_positive CHECK (max > 0),
	prepend boolean NOT NULL DEFAULT false,
	class_of_service text,
	CONSTRAINT sql_or_loader CHECK ((sql IS NULL) <> (loader IS NULL))
);
COMMENT ON TABLE realtime.query_declaration IS
	'Queries whose rows clients can follow, see realtime.query()';
COMMENT ON COLUMN realtime.query_declaration.path IS
	'What clients call it';
COMMENT ON COLUMN realtime.query_declaration.id IS
	'Another one each time that the path is declared';
COMMENT ON COLUMN realtime.query_declaration.sql IS
	'The SELECT, with all names as an empty search_path needs them';
COMMENT ON COLUMN realtime.query_declaration.loader IS
	'Signature of the function that is queried instead';
COMMENT ON COLUMN realtime.query_declaration.key IS
	'Columns that name a row, separated by commas';
COMMENT ON COLUMN realtime.query_declaration.parameters IS
	'Types of the parameters $1 and so on';
COMMENT ON COLUMN realtime.query_declaration.depends_on IS
	'Tables that functions read which the query calls';
COMMENT ON COLUMN realtime.query_declaration.stale_after IS
	'Time after which it is run again whatever has changed';
COMMENT ON COLUMN realtime.query_declaration.debounce IS
	'Time for which changes are gathered before it is run again';
COMMENT ON COLUMN realtime.query_declaration.max_rows IS
	'Rows that the result may have';
COMMENT ON COLUMN realtime.query_declaration.access IS
	'Signature of the function that says who may follow it';
COMMENT ON COLUMN realtime.query_declaration.guards IS
	'Signatures of the functions that run first, in this order';
COMMENT ON COLUMN realtime.query_declaration.transform IS
	'Signature of the function that changes what is sent';
COMMENT ON COLUMN realtime.query_declaration.on_subscribe IS
	'Signature of the function that runs when somebody begins to follow it';
COMMENT ON COLUMN realtime.query_declaration.on_unsubscribe IS
	'Signature of the function that runs when somebody ceases to';
COMMENT ON COLUMN realtime.query_declaration.on_error IS
	'Signature of the function that is told of errors';
COMMENT ON COLUMN realtime.query_declaration.max IS
	'Rows that clients keep; NULL is all';
COMMENT ON COLUMN realtime.query_declaration.prepend IS
	'Whether new rows come first';
COMMENT ON COLUMN realtime.query_declaration.class_of_service IS
	'The class whose rules refuse it under load; NULL is none';
COMMENT ON INDEX realtime.query_declaration_pkey IS
	'One declaration for each path';
COMMENT ON INDEX realtime.query_declaration_id_key IS
	'No two declarations are taken for each other';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.query_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.query_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.query_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.query_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.query_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.query_declaration', '');

--
-- Tables that live queries read have two triggers.  Arguments of that for rows:
-- columns that are told and, behind an empty one, columns that only have to
-- differ.
--
CREATE FUNCTION realtime.query_table_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_query_table_changed';
COMMENT ON FUNCTION realtime.query_table_changed() IS
'Trigger of tables that live queries read: notes what has changed, and never rejects a row. Made by realtime.query(); its arguments are the columns that queries look at.
Errors: 39P01 for any other kind of trigger.';

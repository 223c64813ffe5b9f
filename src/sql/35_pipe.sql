--
-- What becomes of the items of streams' values, see realtime.pipe().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.pipe_declaration (
	path text COLLATE pg_catalog."C" PRIMARY KEY,
	kinds text[] NOT NULL
		CONSTRAINT kinds_exist CHECK (cardinality(kinds) > 0 AND kinds <@ '{filter,sort,limit,join}'),
	functions text[] NOT NULL,
	fields text[] NOT NULL,
	options text[] NOT NULL,
	live boolean[] NOT NULL,
	CONSTRAINT steps_are_complete
		CHECK (cardinality(functions) = cardinality(kinds) AND cardinality(fields) = cardinality(kinds)
			AND cardinality(options) = cardinality(kinds) AND cardinality(live) = cardinality(kinds)
			AND array_position(live, NULL) IS NULL)
);
COMMENT ON TABLE realtime.pipe_declaration IS
	'What becomes of the items of streams'' values, see realtime.pipe()';
COMMENT ON COLUMN realtime.pipe_declaration.path IS
	'The stream';
COMMENT ON COLUMN realtime.pipe_declaration.kinds IS
	'An element for each step, here and in the other columns: filter, sort, limit or join';
COMMENT ON COLUMN realtime.pipe_declaration.functions IS
	'Signatures of filters and resolvers; empty if a step has none';
COMMENT ON COLUMN realtime.pipe_declaration.fields IS
	'Members that are sorted by, or name what is joined; empty if a step has none';
COMMENT ON COLUMN realtime.pipe_declaration.options IS
	'Direction of sort, number of limit, the member that join adds';
COMMENT ON COLUMN realtime.pipe_declaration.live IS
	'Whether events go through it, too';
COMMENT ON INDEX realtime.pipe_declaration_pkey IS
	'One pipe for each stream';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.pipe_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.pipe_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.pipe_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.pipe_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.pipe_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.pipe_declaration', '');

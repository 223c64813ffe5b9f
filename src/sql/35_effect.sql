--
-- Functions that are run for events, see realtime.effect().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.effect_declaration (
	path text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT path_is_valid
		CHECK (octet_length(path) <= 255 AND path ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+$'),
	sources text[] NOT NULL
		CONSTRAINT there_are_sources CHECK (cardinality(sources) > 0),
	handler text,
	queue text,
	owner regrole NOT NULL,
	CONSTRAINT handler_or_queue CHECK ((handler IS NULL) <> (queue IS NULL))
);
COMMENT ON TABLE realtime.effect_declaration IS
	'Functions that are run for events, see realtime.effect()';
COMMENT ON COLUMN realtime.effect_declaration.path IS
	'Name of the effect';
COMMENT ON COLUMN realtime.effect_declaration.sources IS
	'Topics, patterns or templates of topics whose events it is run for';
COMMENT ON COLUMN realtime.effect_declaration.handler IS
	'Signature of the function that is run';
COMMENT ON COLUMN realtime.effect_declaration.queue IS
	'The queue that gets a job for each event instead';
COMMENT ON COLUMN realtime.effect_declaration.owner IS
	'Role that it runs as: who has declared it';
COMMENT ON INDEX realtime.effect_declaration_pkey IS
	'One effect for each path';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.effect_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.effect_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.effect_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.effect_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.effect_declaration IS
	'Makes a change known to all processes';

-- An effect runs as its owner, so nobody but realtime.effect() writes one, not even who may write all data.
ALTER TABLE realtime.effect_declaration ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON realtime.effect_declaration FOR SELECT USING (true);
COMMENT ON POLICY readable ON realtime.effect_declaration IS
	'Whoever may read the table sees all effects; nobody but its owner writes them';

SELECT pg_catalog.pg_extension_config_dump('realtime.effect_declaration', '');

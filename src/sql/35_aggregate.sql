--
-- Aggregates over events, see realtime.aggregate().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.aggregate_declaration (
	path text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT path_is_valid
		CHECK (octet_length(path) <= 255 AND path ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+$'),
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	source text COLLATE pg_catalog."C" NOT NULL,
	topic text COLLATE pg_catalog."C" NOT NULL
		CONSTRAINT topic_is_not_reserved CHECK (NOT starts_with(topic, '__')),
	names text[] NOT NULL,
	aggregates text[] NOT NULL,
	fields text[] NOT NULL,
	access text,
	guards text[] NOT NULL DEFAULT '{}',
	snapshot text,
	class_of_service text,
	owner regrole NOT NULL,
	initial text NOT NULL DEFAULT 'null',
	CONSTRAINT reducers_are_complete
		CHECK (cardinality(names) > 0 AND cardinality(aggregates) = cardinality(names)
			AND cardinality(fields) = cardinality(names))
);
COMMENT ON TABLE realtime.aggregate_declaration IS
	'Aggregates over events, see realtime.aggregate()';
COMMENT ON COLUMN realtime.aggregate_declaration.path IS
	'What clients follow';
COMMENT ON COLUMN realtime.aggregate_declaration.id IS
	'Of this declaration: one of the same path that comes after a drop begins anew';
COMMENT ON COLUMN realtime.aggregate_declaration.source IS
	'Topic whose events count, or a pattern or template of topics';
COMMENT ON COLUMN realtime.aggregate_declaration.topic IS
	'Topic on which values are published';
COMMENT ON COLUMN realtime.aggregate_declaration.names IS
	'Names of the reducers: the members of the value';
COMMENT ON COLUMN realtime.aggregate_declaration.aggregates IS
	'Signatures of their aggregates';
COMMENT ON COLUMN realtime.aggregate_declaration.fields IS
	'The member of the data that each gets; NULL is all of it, or nothing';
COMMENT ON COLUMN realtime.aggregate_declaration.access IS
	'Signature of the function that says who may follow it';
COMMENT ON COLUMN realtime.aggregate_declaration.guards IS
	'Signatures of the functions that run before that';
COMMENT ON COLUMN realtime.aggregate_declaration.snapshot IS
	'Signature of the function that returns the data of what came before the first event';
COMMENT ON COLUMN realtime.aggregate_declaration.class_of_service IS
	'The class whose rules refuse subscribers under load; NULL is none';
COMMENT ON COLUMN realtime.aggregate_declaration.owner IS
	'Role that the aggregates run as: who has declared it';
COMMENT ON COLUMN realtime.aggregate_declaration.initial IS
	'The value of no events, as JSON';
COMMENT ON INDEX realtime.aggregate_declaration_pkey IS
	'One declaration for each path';

CREATE TABLE realtime.aggregate_window_declaration (
	path text COLLATE pg_catalog."C" NOT NULL,
	name text COLLATE pg_catalog."C" NOT NULL
		CONSTRAINT name_is_valid CHECK (name ~ '^[A-Za-z0-9_-]{1,63}$'),
	kind text NOT NULL
		CONSTRAINT kind_exists CHECK (kind IN ('lifetime', 'tumbling', 'sliding')),
	period text
		CONSTRAINT period_exists
		CHECK (period IN ('minute', 'hour', 'day', 'week', 'month', 'quarter', 'year')),
	time_zone text,
	duration interval
		CONSTRAINT duration_is_positive CHECK (duration > '0'),
	anchor timestamptz,
	slide interval
		CONSTRAINT slide_is_positive CHECK (slide > '0'),
	PRIMARY KEY (path, name)
);
COMMENT ON TABLE realtime.aggregate_window_declaration IS
	'Windows of aggregates, see realtime.aggregate_window()';
COMMENT ON COLUMN realtime.aggregate_window_declaration.path IS
	'The aggregate';
COMMENT ON COLUMN realtime.aggregate_window_declaration.name IS
	'Name of the window: clients follow it at path/__window/name';
COMMENT ON COLUMN realtime.aggregate_window_declaration.kind IS
	'lifetime, tumbling or sliding';
COMMENT ON COLUMN realtime.aggregate_window_declaration.period IS
	'Of a tumbling window: a period of the calendar';
COMMENT ON COLUMN realtime.aggregate_window_declaration.time_zone IS
	'The time zone of that calendar; NULL is UTC';
COMMENT ON COLUMN realtime.aggregate_window_declaration.duration IS
	'How long the window is, if it is no period';
COMMENT ON COLUMN realtime.aggregate_window_declaration.anchor IS
	'A time at which one of that length begins; NULL is the beginning of 1970';
COMMENT ON COLUMN realtime.aggregate_window_declaration.slide IS
	'Of a sliding window: by how much it moves at a time';
COMMENT ON INDEX realtime.aggregate_window_declaration_pkey IS
	'The windows of an aggregate';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.aggregate_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.aggregate_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.aggregate_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.aggregate_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.aggregate_declaration IS
	'Makes a change known to all processes';
CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.aggregate_window_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.aggregate_window_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.aggregate_window_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.aggregate_window_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.aggregate_window_declaration IS
	'Makes a change known to all processes';

-- An aggregate runs as its owner, so nobody but realtime.aggregate() writes one, not even who may write all data.
ALTER TABLE realtime.aggregate_declaration ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON realtime.aggregate_declaration FOR SELECT USING (true);
COMMENT ON POLICY readable ON realtime.aggregate_declaration IS
	'Whoever may read the table sees all aggregates; nobody but its owner writes them';

SELECT pg_catalog.pg_extension_config_dump('realtime.aggregate_declaration', '');
SELECT pg_catalog.pg_extension_config_dump('realtime.aggregate_window_declaration', '');

--
-- What each window of an aggregate has come to, the whole being the window
-- without a name.  Events are taken from realtime.intake, and states and value
-- changed, in one transaction.  They are data like any other: dumps carry them.
--
CREATE TABLE realtime.aggregate_value (
	path text COLLATE pg_catalog."C" NOT NULL,
	name text COLLATE pg_catalog."C" NOT NULL,
	definition text NOT NULL,
	value text NOT NULL,
	since timestamptz,
	until timestamptz,
	events bigint NOT NULL DEFAULT 0,
	failed bigint NOT NULL DEFAULT 0,
	last_error text,
	PRIMARY KEY (path, name)
) WITH (fillfactor = 50);
COMMENT ON TABLE realtime.aggregate_value IS
	'What the windows of aggregates have come to; realtime.aggregates shows it';
COMMENT ON COLUMN realtime.aggregate_value.path IS
	'The aggregate';
COMMENT ON COLUMN realtime.aggregate_value.name IS
	'The window; empty: the aggregate itself';
COMMENT ON COLUMN realtime.aggregate_value.definition IS
	'What is declared of it: the value is of that';
COMMENT ON COLUMN realtime.aggregate_value.value IS
	'JSON, exactly as it is sent';
COMMENT ON COLUMN realtime.aggregate_value.since IS
	'When the window began; of a sliding one, the part of it that is filled now';
COMMENT ON COLUMN realtime.aggregate_value.until IS
	'When that ends; NULL: never';
COMMENT ON COLUMN realtime.aggregate_value.events IS
	'How many events have been counted since it was declared';
COMMENT ON COLUMN realtime.aggregate_value.failed IS
	'How many have been left out because an aggregate failed';
COMMENT ON COLUMN realtime.aggregate_value.last_error IS
	'The message of the last of these errors';
COMMENT ON INDEX realtime.aggregate_value_pkey IS
	'One value for each window';

CREATE TABLE realtime.aggregate_state (
	path text COLLATE pg_catalog."C" NOT NULL,
	name text COLLATE pg_catalog."C" NOT NULL,
	bucket timestamptz NOT NULL,
	reducers text[] NOT NULL,
	states bytea[] NOT NULL,
	PRIMARY KEY (path, name, bucket)
) WITH (fillfactor = 50);
COMMENT ON TABLE realtime.aggregate_state IS
	'States of aggregates, from which values are computed';
COMMENT ON COLUMN realtime.aggregate_state.path IS
	'The aggregate';
COMMENT ON COLUMN realtime.aggregate_state.name IS
	'The window; empty: the aggregate itself';
COMMENT ON COLUMN realtime.aggregate_state.bucket IS
	'When the part of the window began that this is the state of; -infinity: all of it, or of a sliding window all parts before the newest together';
COMMENT ON COLUMN realtime.aggregate_state.reducers IS
	'What the states are of';
COMMENT ON COLUMN realtime.aggregate_state.states IS
	'Transition states, as their types send them, or as their aggregates serialize them';
COMMENT ON INDEX realtime.aggregate_state_pkey IS
	'The parts of a window';

SELECT pg_catalog.pg_extension_config_dump('realtime.aggregate_value', '');
SELECT pg_catalog.pg_extension_config_dump('realtime.aggregate_state', '');

CREATE TRIGGER not_replicated
	BEFORE INSERT OR UPDATE OR DELETE ON realtime.aggregate_value
	FOR EACH ROW EXECUTE FUNCTION realtime.not_replicated();
CREATE TRIGGER not_replicated
	BEFORE INSERT OR UPDATE OR DELETE ON realtime.aggregate_state
	FOR EACH ROW EXECUTE FUNCTION realtime.not_replicated();
ALTER TABLE realtime.aggregate_value
	ENABLE REPLICA TRIGGER not_replicated;
ALTER TABLE realtime.aggregate_state
	ENABLE REPLICA TRIGGER not_replicated;
COMMENT ON TRIGGER not_replicated ON realtime.aggregate_value IS
	'Leaves out what other servers have come to';
COMMENT ON TRIGGER not_replicated ON realtime.aggregate_state IS
	'Leaves out what other servers have come to';

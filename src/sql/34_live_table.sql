--
-- Live tables are triggers; their arguments say all that was declared:
-- template of the topic, key, and columns if not all are published.
--
CREATE FUNCTION realtime.live_table_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_live_table_changed';
COMMENT ON FUNCTION realtime.live_table_changed() IS
'Trigger of live tables: publishes what has changed, and never rejects a row. Made by realtime.live_table(); its arguments are the topic, the key, and the columns if not all are published.
Errors: 39P01 for any other kind of trigger.';

CREATE FUNCTION realtime.live_table_arguments(arguments bytea) RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_live_table_arguments';
COMMENT ON FUNCTION realtime.live_table_arguments(bytea) IS
'The arguments of a trigger, pg_trigger.tgargs, as an array of text.';

CREATE VIEW realtime.live_tables AS
	SELECT t.tgrelid::regclass AS relation,
		a.arguments[1] AS topic,
		a.arguments[2] AS key,
		CASE WHEN cardinality(a.arguments) > 2 THEN a.arguments[3:]::name[] END AS columns,
		t.tgenabled = 'A' AS always,
		t.tgenabled <> 'D' AS enabled
	FROM pg_catalog.pg_trigger AS t,
		LATERAL (SELECT realtime.live_table_arguments(t.tgargs) AS arguments) AS a
	WHERE t.tgfoid = 'realtime.live_table_changed()'::regprocedure
		AND t.tgparentid = 0
		AND t.tgtype & 1 = 1;	-- the trigger for rows, not the one for TRUNCATE
COMMENT ON VIEW realtime.live_tables IS
	'Tables whose changes are published, see realtime.live_table()';
COMMENT ON COLUMN realtime.live_tables.relation IS
	'The table; partitions belong to their partitioned table';
COMMENT ON COLUMN realtime.live_tables.topic IS
	'Template of the topics; placeholders are columns';
COMMENT ON COLUMN realtime.live_tables.key IS
	'The column by which clients know a row';
COMMENT ON COLUMN realtime.live_tables.columns IS
	'The columns that are published, besides the key; NULL is all of them';
COMMENT ON COLUMN realtime.live_tables.always IS
	'Whether changes are published that logical replication applies';
COMMENT ON COLUMN realtime.live_tables.enabled IS
	'false after ALTER TABLE ... DISABLE TRIGGER';

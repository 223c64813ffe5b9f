\echo Use "CREATE EXTENSION realtime" to load this file. \quit

--
-- The schema.  The control file says schema = pg_catalog, so that this script
-- finds nothing by name but what is PostgreSQL's own, and the schema is a
-- member of the extension.  One that is there already belongs to somebody: its
-- owner could replace what is in it, and what has been prepared in it would be
-- taken for ours.
--
DO $$
DECLARE
	owner text := (SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'realtime');
BEGIN
	IF owner IS NOT NULL THEN
		RAISE EXCEPTION 'schema "realtime" exists already'
			USING ERRCODE = 'duplicate_schema',
				DETAIL = format('It belongs to role %s; the extension needs a schema of its own.', owner),
				HINT = 'See what is in it, and rename or drop it.';
	END IF;
END
$$;
CREATE SCHEMA realtime;
COMMENT ON SCHEMA realtime IS
	'Calls, topics, channels and live tables of the extension realtime';

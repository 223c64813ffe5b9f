--
-- What is run at times, see realtime.cron().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.cron_declaration (
	path text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT path_is_valid
		CHECK (octet_length(path) <= 255 AND path ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+$'),
	schedule text NOT NULL,
	handler text NOT NULL,
	topic text COLLATE pg_catalog."C",
	time_zone text,
	missed text NOT NULL DEFAULT 'skip'
		CONSTRAINT missed_is_known CHECK (missed IN ('skip', 'once', 'all')),
	timeout interval
		CONSTRAINT timeout_is_positive CHECK (timeout > '0'),
	active boolean NOT NULL DEFAULT true,
	owner regrole NOT NULL
);
COMMENT ON TABLE realtime.cron_declaration IS
	'What is run at times, see realtime.cron()';
COMMENT ON COLUMN realtime.cron_declaration.path IS
	'Name of the job';
COMMENT ON COLUMN realtime.cron_declaration.schedule IS
	'When it is run, as in realtime.cron_next()';
COMMENT ON COLUMN realtime.cron_declaration.handler IS
	'Signature of the function that is run';
COMMENT ON COLUMN realtime.cron_declaration.topic IS
	'Topic on which what the function returns is published, as event set; NULL: it is not';
COMMENT ON COLUMN realtime.cron_declaration.time_zone IS
	'Time zone of the schedule; NULL is that of the database';
COMMENT ON COLUMN realtime.cron_declaration.missed IS
	'What becomes of times at which it could not be run: skip, once or all';
COMMENT ON COLUMN realtime.cron_declaration.timeout IS
	'How long a run may take; NULL: without a limit';
COMMENT ON COLUMN realtime.cron_declaration.active IS
	'Whether it is run at all';
COMMENT ON COLUMN realtime.cron_declaration.owner IS
	'Role that it runs as: who has declared it';
COMMENT ON INDEX realtime.cron_declaration_pkey IS
	'One job for each path';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.cron_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.cron_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.cron_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.cron_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.cron_declaration IS
	'Makes a change known to all processes';

-- A job runs as its owner, so nobody but realtime.cron() writes one, not even who may write all data.
ALTER TABLE realtime.cron_declaration ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON realtime.cron_declaration FOR SELECT USING (true);
COMMENT ON POLICY readable ON realtime.cron_declaration IS
	'Whoever may read the table sees all jobs; nobody but its owner writes them';

SELECT pg_catalog.pg_extension_config_dump('realtime.cron_declaration', '');

--
-- Where each job stands.  A run and the step to the next time are one
-- transaction, so each time is run once whatever ends when.  Not dumped: in
-- another database no time has been missed.
--
CREATE TABLE realtime.cron_state (
	path text COLLATE pg_catalog."C" PRIMARY KEY,
	schedule text NOT NULL,
	time_zone text NOT NULL,
	next_at timestamptz,
	attempts integer NOT NULL DEFAULT 0,
	runs bigint NOT NULL DEFAULT 0,
	failures bigint NOT NULL DEFAULT 0,
	skipped bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE realtime.cron_state IS
	'Where each job of realtime.cron() stands; realtime.cron_jobs shows it';
COMMENT ON COLUMN realtime.cron_state.path IS
	'Name of the job';
COMMENT ON COLUMN realtime.cron_state.schedule IS
	'The schedule of which next_at is a time';
COMMENT ON COLUMN realtime.cron_state.time_zone IS
	'The time zone in which it is';
COMMENT ON COLUMN realtime.cron_state.next_at IS
	'The time that comes next, or that has come and is not over; NULL: none will come';
COMMENT ON COLUMN realtime.cron_state.attempts IS
	'How often a run for next_at has begun; more than once if one has ended its process';
COMMENT ON COLUMN realtime.cron_state.runs IS
	'How many runs there were, failures among them';
COMMENT ON COLUMN realtime.cron_state.failures IS
	'How many of them have failed';
COMMENT ON COLUMN realtime.cron_state.skipped IS
	'How often times were left out because they had been missed';
COMMENT ON INDEX realtime.cron_state_pkey IS
	'One state for each job';

CREATE TABLE realtime.cron_run (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	path text COLLATE pg_catalog."C" NOT NULL,
	due_at timestamptz NOT NULL,
	started_at timestamptz NOT NULL,
	finished_at timestamptz NOT NULL,
	status text NOT NULL
		CONSTRAINT status_is_known CHECK (status IN ('succeeded', 'failed', 'skipped')),
	code text,
	message text
);
CREATE INDEX cron_run_path ON realtime.cron_run (path, id);
COMMENT ON TABLE realtime.cron_run IS
	'The last runs of each job of realtime.cron(), as many as realtime.cron_history says';
COMMENT ON COLUMN realtime.cron_run.id IS
	'Number of the run, in the order in which runs began';
COMMENT ON SEQUENCE realtime.cron_run_id_seq IS
	'Numbers of runs';
COMMENT ON COLUMN realtime.cron_run.path IS
	'Name of the job';
COMMENT ON COLUMN realtime.cron_run.due_at IS
	'The time of its schedule';
COMMENT ON COLUMN realtime.cron_run.started_at IS
	'When the run began';
COMMENT ON COLUMN realtime.cron_run.finished_at IS
	'When its function had returned, or failed';
COMMENT ON COLUMN realtime.cron_run.status IS
	'succeeded; failed; or skipped: due_at is the last of some times that were missed and left out';
COMMENT ON COLUMN realtime.cron_run.code IS
	'Why it failed, as clients are told of calls: TIMEOUT, INTERNAL_ERROR ...';
COMMENT ON COLUMN realtime.cron_run.message IS
	'The error''s message; the log has all of it';
COMMENT ON INDEX realtime.cron_run_pkey IS
	'Runs by number';
COMMENT ON INDEX realtime.cron_run_path IS
	'The runs of a job';

CREATE TRIGGER not_replicated
	BEFORE INSERT OR UPDATE OR DELETE ON realtime.cron_state
	FOR EACH ROW EXECUTE FUNCTION realtime.not_replicated();
CREATE TRIGGER not_replicated
	BEFORE INSERT OR UPDATE OR DELETE ON realtime.cron_run
	FOR EACH ROW EXECUTE FUNCTION realtime.not_replicated();
ALTER TABLE realtime.cron_state
	ENABLE REPLICA TRIGGER not_replicated;
ALTER TABLE realtime.cron_run
	ENABLE REPLICA TRIGGER not_replicated;
COMMENT ON TRIGGER not_replicated ON realtime.cron_state IS
	'Leaves out where other servers stand';
COMMENT ON TRIGGER not_replicated ON realtime.cron_run IS
	'Leaves out runs of other servers';

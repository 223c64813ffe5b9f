--
-- Queues, see realtime.queue(), and their jobs.
-- The order of columns is known to src/catalog/declaration_table.h and job_store.h.
--
CREATE TABLE realtime.queue_declaration (
	name text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT name_is_valid
		CHECK (octet_length(name) <= 255 AND name ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$'),
	handler text,
	max_attempts integer NOT NULL
		CONSTRAINT max_attempts_is_positive CHECK (max_attempts > 0),
	backoff interval NOT NULL,
	max_backoff interval NOT NULL,
	jitter float8 NOT NULL
		CONSTRAINT jitter_is_a_part CHECK (jitter BETWEEN 0 AND 1),
	timeout interval
		CONSTRAINT timeout_is_positive CHECK (timeout > '0'),
	visibility interval NOT NULL,
	concurrency integer
		CONSTRAINT concurrency_is_positive CHECK (concurrency > 0),
	priority integer NOT NULL,
	retention interval NOT NULL,
	dead_retention interval NOT NULL,
	topic text COLLATE pg_catalog."C",
	active boolean NOT NULL,
	max_size integer
		CONSTRAINT max_size_is_positive CHECK (max_size > 0),
	owner regrole NOT NULL
);
COMMENT ON TABLE realtime.queue_declaration IS
	'Queues, see realtime.queue()';
COMMENT ON COLUMN realtime.queue_declaration.name IS
	'Name of the queue';
COMMENT ON COLUMN realtime.queue_declaration.handler IS
	'Signature of the function that its jobs run; NULL: sessions take them';
COMMENT ON COLUMN realtime.queue_declaration.max_attempts IS
	'How often a job is tried before it is dead, unless it says so itself';
COMMENT ON COLUMN realtime.queue_declaration.backoff IS
	'Time between the first failure and the next attempt; doubled each time';
COMMENT ON COLUMN realtime.queue_declaration.max_backoff IS
	'The longest of these times';
COMMENT ON COLUMN realtime.queue_declaration.jitter IS
	'The part of such a time by which it is longer at most, at random';
COMMENT ON COLUMN realtime.queue_declaration.timeout IS
	'How long an attempt may take in an executor; NULL: without a limit';
COMMENT ON COLUMN realtime.queue_declaration.visibility IS
	'How long others leave a job alone that a session has taken';
COMMENT ON COLUMN realtime.queue_declaration.concurrency IS
	'How many executors may run its jobs at once; NULL: all that jobs may have';
COMMENT ON COLUMN realtime.queue_declaration.priority IS
	'Queues of a higher one come first if there are not executors for all';
COMMENT ON COLUMN realtime.queue_declaration.retention IS
	'How long jobs are kept that are done or cancelled';
COMMENT ON COLUMN realtime.queue_declaration.dead_retention IS
	'How long jobs are kept that are dead';
COMMENT ON COLUMN realtime.queue_declaration.topic IS
	'Topic, before a colon and the job''s id, on which is told what becomes of a job; NULL: it is not';
COMMENT ON COLUMN realtime.queue_declaration.active IS
	'Whether executors run its jobs';
COMMENT ON COLUMN realtime.queue_declaration.max_size IS
	'How many jobs may wait in it before realtime.enqueue() refuses others; NULL: as many as there are';
COMMENT ON COLUMN realtime.queue_declaration.owner IS
	'Role that its jobs run as: who has declared it';
COMMENT ON INDEX realtime.queue_declaration_pkey IS
	'One queue of each name';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.queue_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.queue_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.queue_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.queue_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.queue_declaration IS
	'Makes a change known to all processes';

-- Jobs run as the owner, so nobody but realtime.queue() writes one, not even who may write all data.
ALTER TABLE realtime.queue_declaration ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON realtime.queue_declaration FOR SELECT USING (true);
COMMENT ON POLICY readable ON realtime.queue_declaration IS
	'Whoever may read the table sees all queues; nobody but its owner writes them';

--
-- Jobs that are not over.  Who runs one locks its row, and removes it in the same
-- transaction; so what is in nobody's hands is found in an index of its own, in
-- the order in which it is to be run.
--
CREATE SEQUENCE realtime.job_id_seq;
COMMENT ON SEQUENCE realtime.job_id_seq IS
	'Ids of jobs';
CREATE TABLE realtime.job (
	id bigint DEFAULT nextval('realtime.job_id_seq') PRIMARY KEY,
	queue text COLLATE pg_catalog."C" NOT NULL,
	priority integer NOT NULL DEFAULT 0
		CONSTRAINT priority_is_in_range CHECK (priority BETWEEN -100000 AND 100000),
	-- 2^44 ids for each priority
	place bigint NOT NULL GENERATED ALWAYS AS (id - priority * 17592186044416) STORED,
	ready boolean NOT NULL DEFAULT true,
	taken boolean NOT NULL DEFAULT false,
	awaited boolean NOT NULL DEFAULT false,
	run_at timestamptz NOT NULL DEFAULT now(),
	created_at timestamptz NOT NULL DEFAULT now(),
	attempts integer NOT NULL DEFAULT 0,
	crashes integer NOT NULL DEFAULT 0,
	max_attempts integer
		CONSTRAINT max_attempts_is_positive CHECK (max_attempts > 0),
	unique_key text COLLATE pg_catalog."C",
	order_key text COLLATE pg_catalog."C"
		CONSTRAINT order_key_is_not_empty CHECK (order_key <> ''),
	user_id text,
	request_id text,
	code text,
	message text,
	payload jsonb,
	progress jsonb
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000,
	autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);
ALTER SEQUENCE realtime.job_id_seq OWNED BY realtime.job.id;
CREATE INDEX job_ready ON realtime.job (queue, place) WHERE ready AND order_key IS NULL;
CREATE INDEX job_ordered_ready ON realtime.job (queue, order_key, place) WHERE ready AND order_key IS NOT NULL;
CREATE INDEX job_ordered ON realtime.job (queue, order_key, taken DESC, place) WHERE order_key IS NOT NULL;
CREATE INDEX job_delayed ON realtime.job (run_at) WHERE NOT ready;
CREATE INDEX job_put_off ON realtime.job (queue) WHERE NOT ready AND NOT taken AND attempts > 0;
CREATE INDEX job_taken ON realtime.job (run_at) WHERE NOT ready AND taken;
CREATE UNIQUE INDEX job_unique ON realtime.job (queue, unique_key) WHERE unique_key IS NOT NULL;
COMMENT ON TABLE realtime.job IS
	'Jobs that are not over; realtime.jobs shows all';
COMMENT ON COLUMN realtime.job.id IS
	'Id of the job';
COMMENT ON COLUMN realtime.job.queue IS
	'Its queue';
COMMENT ON COLUMN realtime.job.priority IS
	'Jobs of a higher one come first';
COMMENT ON COLUMN realtime.job.place IS
	'The order in which the jobs of a queue are run: by priority, then by id';
COMMENT ON COLUMN realtime.job.ready IS
	'Whether it may be run; if not, it will be ready at run_at';
COMMENT ON COLUMN realtime.job.taken IS
	'Whether a session has it, until run_at';
COMMENT ON COLUMN realtime.job.awaited IS
	'Whether somebody waits for its result';
COMMENT ON COLUMN realtime.job.run_at IS
	'When it is, or was, to be run';
COMMENT ON COLUMN realtime.job.created_at IS
	'Begin of the transaction that has enqueued it';
COMMENT ON COLUMN realtime.job.attempts IS
	'How many attempts have failed; of one that is taken, with this one';
COMMENT ON COLUMN realtime.job.crashes IS
	'How many attempts may have ended their process, one after the other';
COMMENT ON COLUMN realtime.job.max_attempts IS
	'How many may fail before it is dead; NULL: as many as the queue says';
COMMENT ON COLUMN realtime.job.unique_key IS
	'The queue has one job that is not over with this key; NULL: without a key';
COMMENT ON COLUMN realtime.job.order_key IS
	'Those of a queue with one key are run one after the other; NULL: without a key';
COMMENT ON COLUMN realtime.job.user_id IS
	'User of the call that has enqueued it; NULL: nobody''s';
COMMENT ON COLUMN realtime.job.request_id IS
	'That call, as logs name it; NULL: none has';
COMMENT ON COLUMN realtime.job.code IS
	'Why the last attempt failed, as clients are told of calls';
COMMENT ON COLUMN realtime.job.message IS
	'The error''s message';
COMMENT ON COLUMN realtime.job.payload IS
	'What the handler is given';
COMMENT ON COLUMN realtime.job.progress IS
	'How far it has come, as the session says that has taken it';
COMMENT ON INDEX realtime.job_pkey IS
	'Jobs by id';
COMMENT ON INDEX realtime.job_ready IS
	'Jobs without a key of order that may be run, in order';
COMMENT ON INDEX realtime.job_ordered_ready IS
	'Jobs with a key of order that may be run if they are the first of it, by key, then in order';
COMMENT ON INDEX realtime.job_ordered IS
	'Jobs with a key of order: of each key the one first that a session has, then by place';
COMMENT ON INDEX realtime.job_delayed IS
	'Jobs that will be ready, by time';
COMMENT ON INDEX realtime.job_put_off IS
	'Jobs that have failed and wait for their next attempt, by queue';
COMMENT ON INDEX realtime.job_taken IS
	'Jobs that sessions have, by the time until which they have them';
COMMENT ON INDEX realtime.job_unique IS
	'One job for each key of a queue';

--
-- Jobs that are over.  Nothing but who asks for one by its id, and retention, looks here.
--
CREATE TABLE realtime.job_finished (
	id bigint PRIMARY KEY,
	queue text COLLATE pg_catalog."C" NOT NULL,
	state text COLLATE pg_catalog."C" NOT NULL
		CONSTRAINT state_is_known CHECK (state IN ('done', 'dead', 'cancelled')),
	finished_at timestamptz NOT NULL,
	started_at timestamptz,
	created_at timestamptz NOT NULL,
	run_at timestamptz NOT NULL,
	priority integer NOT NULL,
	attempts integer NOT NULL,
	max_attempts integer,
	unique_key text COLLATE pg_catalog."C",
	order_key text COLLATE pg_catalog."C",
	user_id text,
	request_id text,
	code text,
	message text,
	payload jsonb,
	result jsonb
) WITH (autovacuum_vacuum_cost_delay = 0);
CREATE INDEX job_finished_age ON realtime.job_finished (queue, state, finished_at);
COMMENT ON TABLE realtime.job_finished IS
	'Jobs that are over, for as long as their queue says; realtime.jobs shows all';
COMMENT ON COLUMN realtime.job_finished.id IS
	'Id of the job';
COMMENT ON COLUMN realtime.job_finished.queue IS
	'Its queue';
COMMENT ON COLUMN realtime.job_finished.state IS
	'done; dead: its last attempt has failed; or cancelled';
COMMENT ON COLUMN realtime.job_finished.finished_at IS
	'When it was over';
COMMENT ON COLUMN realtime.job_finished.started_at IS
	'When the last attempt began; NULL: there was none, or not in an executor';
COMMENT ON COLUMN realtime.job_finished.created_at IS
	'Begin of the transaction that has enqueued it';
COMMENT ON COLUMN realtime.job_finished.run_at IS
	'When it was to be run';
COMMENT ON COLUMN realtime.job_finished.priority IS
	'Its priority';
COMMENT ON COLUMN realtime.job_finished.attempts IS
	'How many attempts there were';
COMMENT ON COLUMN realtime.job_finished.max_attempts IS
	'How many might have failed; NULL: as many as the queue says';
COMMENT ON COLUMN realtime.job_finished.unique_key IS
	'The key that it had';
COMMENT ON COLUMN realtime.job_finished.order_key IS
	'Its key of order';
COMMENT ON COLUMN realtime.job_finished.user_id IS
	'User of the call that has enqueued it; NULL: nobody''s';
COMMENT ON COLUMN realtime.job_finished.request_id IS
	'That call, as logs name it; NULL: none has';
COMMENT ON COLUMN realtime.job_finished.code IS
	'Why the last attempt failed, as clients are told of calls';
COMMENT ON COLUMN realtime.job_finished.message IS
	'The error''s message';
COMMENT ON COLUMN realtime.job_finished.payload IS
	'What the handler was given';
COMMENT ON COLUMN realtime.job_finished.result IS
	'What it returned';
COMMENT ON INDEX realtime.job_finished_pkey IS
	'Jobs by id';
COMMENT ON INDEX realtime.job_finished_age IS
	'Jobs by the time at which they were over, for retention';

CREATE TRIGGER not_replicated
	BEFORE INSERT OR UPDATE OR DELETE ON realtime.job
	FOR EACH ROW EXECUTE FUNCTION realtime.not_replicated();
CREATE TRIGGER not_replicated
	BEFORE INSERT OR UPDATE OR DELETE ON realtime.job_finished
	FOR EACH ROW EXECUTE FUNCTION realtime.not_replicated();
ALTER TABLE realtime.job
	ENABLE REPLICA TRIGGER not_replicated;
ALTER TABLE realtime.job_finished
	ENABLE REPLICA TRIGGER not_replicated;
COMMENT ON TRIGGER not_replicated ON realtime.job IS
	'Leaves out jobs of other servers';
COMMENT ON TRIGGER not_replicated ON realtime.job_finished IS
	'Leaves out jobs of other servers';

-- What is in these tables is run as the owners of queues: realtime.enqueue() looks who may.
ALTER TABLE realtime.job ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON realtime.job FOR SELECT USING (true);
COMMENT ON POLICY readable ON realtime.job IS
	'Whoever may read the table sees all jobs; nobody but its owner writes them';
ALTER TABLE realtime.job_finished ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON realtime.job_finished FOR SELECT USING (true);
COMMENT ON POLICY readable ON realtime.job_finished IS
	'Whoever may read the table sees all jobs; nobody but its owner writes them';

SELECT pg_catalog.pg_extension_config_dump('realtime.queue_declaration', '');
SELECT pg_catalog.pg_extension_config_dump('realtime.job', '');
SELECT pg_catalog.pg_extension_config_dump('realtime.job_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('realtime.job_finished', 'WHERE state = ''dead''');

--
-- Queues of jobs
--
CREATE FUNCTION realtime.queue(
	name text,
	handler regprocedure DEFAULT NULL,
	max_attempts integer DEFAULT 10,
	backoff interval DEFAULT '1 s',
	max_backoff interval DEFAULT '1 h',
	jitter double precision DEFAULT 0.1,
	timeout interval DEFAULT '1 h',
	visibility interval DEFAULT '5 min',
	concurrency integer DEFAULT NULL,
	priority integer DEFAULT 0,
	retention interval DEFAULT '1 day',
	dead_retention interval DEFAULT '30 days',
	topic text DEFAULT NULL,
	active boolean DEFAULT true,
	max_size integer DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_queue';
COMMENT ON FUNCTION realtime.queue(text, regprocedure, integer, interval, interval, double precision, interval, interval, integer, integer, interval, interval, text, boolean, integer) IS
'Declares a queue of jobs, or replaces what was declared under its name; realtime.drop(name) ends it, and leaves its jobs. Jobs are enqueued with realtime.enqueue() and run in executors, as the role that declares the queue, or taken by sessions with realtime.take_jobs(). What a job does and that it is done are one transaction.
handler: takes (payload jsonb, job bigint, attempt integer), or less from the end. NULL: sessions take the jobs.
max_attempts: how often a job is tried before it is dead.
backoff, max_backoff, jitter: time until the next attempt, doubled with each, at most max_backoff, and longer by a random part of up to jitter.
timeout: how long an attempt may take in an executor; NULL is without a limit.
visibility: how long others leave a job alone that a session has taken.
concurrency: how many executors may run its jobs at once; NULL: as many as jobs may have, see realtime.job_executors. 1: one after the other.
priority: queues of a higher one come first if there are not executors for all.
retention, dead_retention: how long jobs are kept that are done or cancelled, and dead.
topic: what becomes of a job is published as event "set" on the topic that begins with this, a colon and the job''s id; NULL: it is not.
active: false keeps the jobs and runs none in executors.
max_size: how many jobs may wait to be run, or to be tried again, at most 100000, before realtime.enqueue() refuses others; those whose first time is still to come do not count. NULL: as many as there are.
Errors: 22023 for an option that is wrong; RT430 for a topic; 42883, 42809 or 42P13 for a function that will not do.';

CREATE FUNCTION realtime.enqueue(
	queue text,
	payload jsonb DEFAULT NULL,
	run_at timestamptz DEFAULT now(),
	priority integer DEFAULT 0,
	unique_key text DEFAULT NULL,
	max_attempts integer DEFAULT NULL,
	order_key text DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_enqueue';
COMMENT ON FUNCTION realtime.enqueue(text, jsonb, timestamptz, integer, text, integer, text) IS
'Puts a job into a queue and returns its id. It is part of the transaction: the job is run once that is committed, at run_at at the earliest.
priority: of the queue''s jobs those of a higher one come first, then the oldest.
unique_key: if a job of the queue that is not over has this key, nothing is put and the id is that one''s.
max_attempts: how often it is tried; NULL: as often as the queue says.
order_key: the queue''s jobs with this key are run one after the other, by priority, then by id, and each only when the one before it is over: one that waits for its time, or to be tried again, is waited for. Jobs of other keys go on meanwhile.
Errors: RT529 (OVERLOADED) if so many jobs wait as the queue''s max_size says; 42704 if there is no such queue, 42501 without EXECUTE on its handler, 22023 for an option that is wrong.';

CREATE FUNCTION realtime.cancel_job(id bigint)
RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_cancel_job';
COMMENT ON FUNCTION realtime.cancel_job(bigint) IS
'Cancels a job. One that waits is cancelled with the transaction; one that an executor runs is stopped at once, whatever becomes of the transaction, and rolled back, unless it ends before. Returns false if there is no such job, or it is over.
Its user may, see realtime.user_id(), and members of the role that owns its queue or of realtime_admin; 42501 for others.';

CREATE FUNCTION realtime.retry_job(id bigint)
RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_retry_job';
COMMENT ON FUNCTION realtime.retry_job(bigint) IS
'Makes a job that is dead or cancelled ready again, with its id, as if it had not been tried. Returns false if there is none.
Members of the role that owns its queue or of realtime_admin may; 42501 for others. 23505 if another job has its unique key.';

CREATE FUNCTION realtime.take_jobs(
	queue text,
	n integer DEFAULT 1,
	visibility interval DEFAULT NULL,
	OUT id bigint,
	OUT payload jsonb,
	OUT attempt integer,
	OUT priority integer,
	OUT created_at timestamptz,
	OUT user_id text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_take_jobs';
COMMENT ON FUNCTION realtime.take_jobs(text, integer, interval) IS
'Takes up to n jobs of a queue that are ready, in order, for this session to do. Jobs that others have are left out (SKIP LOCKED). In one transaction with realtime.finish_job() what the session does and that it is done are one; or it commits at once, and has the job for visibility, by default the queue''s: after that others may take it, which counts as an attempt.
Members of the role that owns the queue or of realtime_admin may; 42501 for others.';

CREATE FUNCTION realtime.finish_job(id bigint, result jsonb DEFAULT NULL, attempt integer DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_finish_job';
COMMENT ON FUNCTION realtime.finish_job(bigint, jsonb, integer) IS
'A job that was taken with realtime.take_jobs() is done. attempt: the number that came with it; if another has taken the job since, it is another one. Returns false if the job is not taken, by this attempt, any more.';

CREATE FUNCTION realtime.fail_job(id bigint, message text DEFAULT NULL, attempt integer DEFAULT NULL, retry_at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_fail_job';
COMMENT ON FUNCTION realtime.fail_job(bigint, text, integer, timestamptz) IS
'A job that was taken with realtime.take_jobs() has failed. It is tried again after the queue''s backoff, or at retry_at, unless this was its last attempt. Returns its state, waiting or dead; NULL if the job is not taken, by this attempt, any more.';

CREATE FUNCTION realtime.extend_job(id bigint, visibility interval DEFAULT NULL, attempt integer DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_extend_job';
COMMENT ON FUNCTION realtime.extend_job(bigint, interval, integer) IS
'Keeps a job that was taken with realtime.take_jobs() for visibility from now on. Returns false if it is not taken, by this attempt, any more.';

CREATE FUNCTION realtime.job_progress(data jsonb)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_job_progress';
COMMENT ON FUNCTION realtime.job_progress(jsonb) IS
'Within the handler of a queue: says how far the job has come, at most 1000 bytes. That is not part of the transaction: realtime.jobs and realtime.job_state() show it at once, and it is told on the job''s topic, if the queue has one, every 50 ms at most. Elsewhere it does nothing.';

CREATE FUNCTION realtime.job_progress(id bigint, data jsonb, attempt integer DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_taken_job_progress';
COMMENT ON FUNCTION realtime.job_progress(bigint, jsonb, integer) IS
'Says how far a job has come that was taken with realtime.take_jobs(), at most 1000 bytes. It is part of the transaction: realtime.jobs and realtime.job_state() show it, and it is told on the job''s topic, if the queue has one, when that commits. Returns false if the job is not taken, by this attempt, any more.';

CREATE FUNCTION realtime.run_task(name text, input jsonb DEFAULT NULL, timeout interval DEFAULT '1 min')
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_run_task';
COMMENT ON FUNCTION realtime.run_task(text, jsonb, interval) IS
'Enqueues a job for the queue name and waits until it is over; returns what its handler has returned. The job is not part of the transaction: it is enqueued at once, in one of its own, and stays when this one is rolled back. It is tried as often as the queue says.
Errors: RT408 if it is not over in time, and goes on; the error of its last attempt if it is dead; those of realtime.enqueue(). A job cannot wait for another one (55000).';

CREATE FUNCTION realtime.stat_get_jobs(
	OUT id bigint,
	OUT executor integer,
	OUT pid integer,
	OUT started_at timestamptz,
	OUT progress jsonb)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_stat_get_jobs';
COMMENT ON FUNCTION realtime.stat_get_jobs() IS
	'The jobs that executors run at the moment';

CREATE VIEW realtime.jobs AS
SELECT j.id, j.queue,
	CASE WHEN r.id IS NOT NULL OR j.taken AND j.run_at > clock_timestamp() THEN 'running' ELSE 'waiting' END AS state,
	j.priority, j.run_at, j.attempts, j.max_attempts, j.unique_key, j.order_key, j.user_id, j.request_id, j.payload,
	coalesce(r.progress, CASE WHEN j.taken AND j.run_at > clock_timestamp() THEN j.progress END) AS progress, NULL::jsonb AS result, j.code, j.message, j.created_at, r.started_at,
	NULL::timestamptz AS finished_at
FROM realtime.job j
	LEFT JOIN realtime.stat_get_jobs() r ON r.id = j.id
UNION ALL
SELECT id, queue, state, priority, run_at, attempts, max_attempts, unique_key, order_key, user_id, request_id, payload,
	NULL, result, code, message, created_at, started_at, finished_at
FROM realtime.job_finished;
COMMENT ON VIEW realtime.jobs IS
	'All jobs of queues: those that are not over, and those that are, as long as they are kept';
COMMENT ON COLUMN realtime.jobs.id IS 'Id of the job';
COMMENT ON COLUMN realtime.jobs.queue IS 'Its queue';
COMMENT ON COLUMN realtime.jobs.state IS 'waiting, running, done, dead (its last attempt has failed) or cancelled; what a session has taken in a transaction that goes on is waiting to others';
COMMENT ON COLUMN realtime.jobs.priority IS 'Jobs of a higher one come first';
COMMENT ON COLUMN realtime.jobs.run_at IS 'When it is, or was, to be run; of one that a session has taken, how long it has it';
COMMENT ON COLUMN realtime.jobs.attempts IS 'How many attempts have failed or, if it is over, how many there were';
COMMENT ON COLUMN realtime.jobs.max_attempts IS 'How many there may be; NULL: as many as the queue says';
COMMENT ON COLUMN realtime.jobs.unique_key IS 'Its unique key';
COMMENT ON COLUMN realtime.jobs.order_key IS 'Those of its queue with one key are run one after the other';
COMMENT ON COLUMN realtime.jobs.user_id IS 'User of the call that has enqueued it';
COMMENT ON COLUMN realtime.jobs.request_id IS 'That call, as realtime.request_id() names it, in the job as well';
COMMENT ON COLUMN realtime.jobs.payload IS 'What the handler is given';
COMMENT ON COLUMN realtime.jobs.progress IS 'How far it has come, as was said with realtime.job_progress(), while it runs';
COMMENT ON COLUMN realtime.jobs.result IS 'What the handler has returned';
COMMENT ON COLUMN realtime.jobs.code IS 'Why the last attempt has failed, as clients are told of calls';
COMMENT ON COLUMN realtime.jobs.message IS 'The error''s message';
COMMENT ON COLUMN realtime.jobs.created_at IS 'When it was enqueued';
COMMENT ON COLUMN realtime.jobs.started_at IS 'When the last attempt in an executor began';
COMMENT ON COLUMN realtime.jobs.finished_at IS 'When it was over';

CREATE FUNCTION realtime.job_state(id bigint)
RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_job_state';
COMMENT ON FUNCTION realtime.job_state(bigint) IS
'How a job stands: an object with id, queue, state, attempts and, if there are any, progress, result and the code of its error. NULL if there is none, or it is not the caller''s: its user sees it, see realtime.user_id(), and members of the role that owns its queue or of realtime_admin. The loader of a stream that follows a job.';

CREATE VIEW realtime.stat_queue AS
SELECT q.name AS queue, q.active,
	(SELECT count(*) FROM realtime.job j WHERE j.queue = q.name AND j.ready AND j.order_key IS NULL)
		+ (SELECT count(*) FROM realtime.job j WHERE j.queue = q.name AND j.ready AND j.order_key IS NOT NULL) AS ready,
	(SELECT count(*) FROM realtime.job j WHERE j.queue = q.name AND NOT j.ready AND NOT j.taken) AS delayed,
	(SELECT count(*) FROM realtime.job j WHERE j.queue = q.name AND j.taken)
		+ (SELECT count(*) FROM realtime.stat_get_jobs() r JOIN realtime.job j ON j.id = r.id WHERE j.queue = q.name) AS running,
	(SELECT count(*) FROM realtime.job_finished f WHERE f.queue = q.name AND f.state = 'dead') AS dead,
	now() - least((SELECT min(j.run_at) FROM realtime.job j WHERE j.queue = q.name AND j.ready AND j.order_key IS NULL),
		(SELECT min(j.run_at) FROM realtime.job j WHERE j.queue = q.name AND j.ready AND j.order_key IS NOT NULL)) AS oldest
FROM realtime.queue_declaration q;
COMMENT ON VIEW realtime.stat_queue IS
	'How many jobs each queue has; realtime.stat_handler has times and errors';
COMMENT ON COLUMN realtime.stat_queue.queue IS 'Name of the queue';
COMMENT ON COLUMN realtime.stat_queue.active IS 'Whether executors run its jobs';
COMMENT ON COLUMN realtime.stat_queue.ready IS 'Jobs that may be run, those that executors run, and those that wait for another one of their key, among them';
COMMENT ON COLUMN realtime.stat_queue.delayed IS 'Jobs whose time is still to come: delayed, or to be tried again';
COMMENT ON COLUMN realtime.stat_queue.running IS 'Jobs that executors run or sessions have taken';
COMMENT ON COLUMN realtime.stat_queue.dead IS 'Jobs whose last attempt has failed, as long as they are kept';
COMMENT ON COLUMN realtime.stat_queue.oldest IS 'How long the oldest that is ready waits, or has been run';

--
-- What is run at times
--
CREATE FUNCTION realtime.cron(
	path text,
	schedule text,
	handler regprocedure,
	topic text DEFAULT NULL,
	time_zone text DEFAULT NULL,
	missed text DEFAULT 'skip',
	timeout interval DEFAULT '1 h',
	active boolean DEFAULT true)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_cron';
COMMENT ON FUNCTION realtime.cron(text, text, regprocedure, text, text, text, interval, boolean) IS
'Runs a function at times, in an executor and as the role that declares it, or replaces what was declared for path; realtime.drop(path) ends it. Each time is run once: the run and the step to the next time are one transaction. A job never overlaps itself.
path: name of the job, like those of calls.
schedule: five fields (minute, hour, day of month, month, day of week), six with the second before them, @yearly, @monthly, @weekly, @daily, @hourly, or @every and a duration such as 10s or 1h30m, which counts from 1970. Fields as in crontab(5).
handler: a function without parameters, or with a default for each. What it returns is published on topic as event "set"; NULL and void are not.
time_zone: of the schedule; by default that of the database.
missed: what becomes of times that pass while the server is down or the last run goes on: "skip" runs the last of them if it is not over for longer than realtime.cron_grace, "once" runs the last of them in any case, "all" runs each, one after the other.
timeout: how long a run may take; NULL is without a limit.
active: false keeps the declaration and runs nothing.
An error rolls back what the run has done, goes to the log, to the error hook and to realtime.cron_run, and is not repeated.
Errors: 22023 for a schedule that cannot be read or never comes, a time zone that does not exist, or an option that is wrong; RT430 for a topic; 42883, 42809 or 42P13 for a function that will not do; 42501 without EXECUTE on it.';

CREATE FUNCTION realtime.alter_cron(
	path text,
	schedule text DEFAULT NULL,
	handler regprocedure DEFAULT NULL,
	topic text DEFAULT NULL,
	time_zone text DEFAULT NULL,
	missed text DEFAULT NULL,
	timeout interval DEFAULT NULL,
	active boolean DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_alter_cron';
COMMENT ON FUNCTION realtime.alter_cron(text, text, regprocedure, text, text, text, interval, boolean) IS
'Changes what is given of a job of realtime.cron(), and leaves the rest, its owner too. Times that have passed while it was not active are not run.
Errors: 42704 if there is no such job, 42501 if its owner is a role that the user is not a member of, and those of realtime.cron().';

CREATE FUNCTION realtime.cron_next(
	schedule text,
	after timestamptz DEFAULT now(),
	time_zone text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_cron_next';
COMMENT ON FUNCTION realtime.cron_next(text, timestamptz, text) IS
'The first time of a schedule after another, as realtime.cron() has it; NULL if none comes within twelve years. time_zone: by default TimeZone.
Day of month and day of week: either is enough if neither begins with *, as in crontab(5). A local time that the clock leaves out is the moment of its change, and one that comes twice is the first of both; if the hour begins with *, the schedule goes by the time that passes.
Errors: 22023 for a schedule that cannot be read or a time zone that does not exist.';

CREATE VIEW realtime.cron_jobs AS
SELECT d.path, d.schedule, coalesce(s.time_zone, d.time_zone) AS time_zone, d.handler, d.topic,
	d.missed, d.timeout, d.active, d.owner,
	CASE WHEN d.active THEN s.next_at END AS next_at,
	coalesce(s.runs, 0) AS runs, coalesce(s.failures, 0) AS failures, coalesce(s.skipped, 0) AS skipped,
	r.started_at AS last_started_at, r.finished_at AS last_finished_at, r.status AS last_status,
	r.message AS last_message
FROM realtime.cron_declaration d
	LEFT JOIN realtime.cron_state s ON s.path = d.path AND s.schedule = d.schedule
	LEFT JOIN LATERAL (SELECT * FROM realtime.cron_run
		WHERE cron_run.path = d.path ORDER BY id DESC LIMIT 1) r ON true;
COMMENT ON VIEW realtime.cron_jobs IS
	'The jobs of realtime.cron(), when they come next and what became of the last run; realtime.cron_run has the runs before';
COMMENT ON COLUMN realtime.cron_jobs.path IS 'Name of the job';
COMMENT ON COLUMN realtime.cron_jobs.schedule IS 'When it is run';
COMMENT ON COLUMN realtime.cron_jobs.time_zone IS 'The time zone of the schedule; NULL: that of the database, and it is not known yet';
COMMENT ON COLUMN realtime.cron_jobs.handler IS 'The function that is run';
COMMENT ON COLUMN realtime.cron_jobs.topic IS 'Topic of what it returns';
COMMENT ON COLUMN realtime.cron_jobs.missed IS 'What becomes of times that are missed';
COMMENT ON COLUMN realtime.cron_jobs.timeout IS 'How long a run may take';
COMMENT ON COLUMN realtime.cron_jobs.active IS 'Whether it is run at all';
COMMENT ON COLUMN realtime.cron_jobs.owner IS 'Role that it runs as';
COMMENT ON COLUMN realtime.cron_jobs.next_at IS 'The time that comes next, or that has come and is not over';
COMMENT ON COLUMN realtime.cron_jobs.runs IS 'How many runs there were, failures among them';
COMMENT ON COLUMN realtime.cron_jobs.failures IS 'How many of them have failed';
COMMENT ON COLUMN realtime.cron_jobs.skipped IS 'How often times were left out because they had been missed';
COMMENT ON COLUMN realtime.cron_jobs.last_started_at IS 'When the last run began';
COMMENT ON COLUMN realtime.cron_jobs.last_finished_at IS 'When it was over';
COMMENT ON COLUMN realtime.cron_jobs.last_status IS 'What became of it: succeeded, failed or skipped';
COMMENT ON COLUMN realtime.cron_jobs.last_message IS 'The message of its error';

--
-- Jobs: schedules, and what is refused
--
SET TimeZone = 'UTC';
CREATE SCHEMA app;
CREATE FUNCTION app.job() RETURNS jsonb LANGUAGE sql AS $$SELECT '1'::jsonb$$;
CREATE FUNCTION app.rows() RETURNS SETOF integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.needs(a integer) RETURNS void LANGUAGE sql AS '';

-- the next time
SELECT schedule, realtime.cron_next(schedule, '2026-02-27 10:07:30+00') FROM unnest(ARRAY[
	'* * * * *', '*/15 * * * *', '7 10 * * *', '0 9-17/4 * * mon-fri', '0 0 29 2 *', '0 0 31 * *',
	'0 0 13 * 5', '0 0 */2 * sun', '0 0 * * 7', '0 0 1 JAN,jul *', '30 7 10 * * *', '*/20 * * * * *',
	'@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly',
	'@every 10s', '@every 1h30m', '@every 2d']) AS schedule;
SELECT realtime.cron_next('0 0 30 2 *'), realtime.cron_next(NULL), realtime.cron_next('@every 1m', 'infinity');
SELECT realtime.cron_next('0 9 * * *', '2026-07-01 00:00+00', 'Europe/Berlin'),
	realtime.cron_next('@every 10s', '1969-12-31 23:59:55+00'), realtime.cron_next('* * * * * *', '1999-12-31 23:59:59.5+00');

-- local times that are left out, or come twice
SELECT schedule, zone, array_agg(realtime.cron_next(schedule, t, zone) ORDER BY t) FROM (VALUES
	('30 2 * * *', 'Europe/Berlin', timestamptz '2026-03-28 12:00+00'), ('30 2 * * *', 'Europe/Berlin', '2026-03-29 01:00+00'),
	('30 2 * * *', 'Europe/Berlin', '2026-10-24 12:00+00'), ('30 2 * * *', 'Europe/Berlin', '2026-10-25 00:30+00'),
	('30 * * * *', 'Europe/Berlin', '2026-10-25 00:30+00')) AS v(schedule, zone, t)
GROUP BY schedule, zone;

-- every time of three days around changes, by another way: minutes of UTC whose local time matches, or for a fixed hour
-- the first minute whose local time has come as far
CREATE TABLE field (schedule text, minutes integer[], hours integer[], days integer[], weekdays integer[]);
INSERT INTO field VALUES
	('* * * * *', NULL, NULL, NULL, NULL), ('*/7 * * * *', ARRAY[0, 7, 14, 21, 28, 35, 42, 49, 56], NULL, NULL, NULL),
	('30 2 * * *', ARRAY[30], ARRAY[2], NULL, NULL), ('0,15,45 1-3 * * *', ARRAY[0, 15, 45], ARRAY[1, 2, 3], NULL, NULL),
	('5 * * * 0', ARRAY[5], NULL, NULL, ARRAY[0]), ('10 2 29 * 6', ARRAY[10], ARRAY[2], ARRAY[29], ARRAY[6]),
	('59 23 * * *', ARRAY[59], ARRAY[23], NULL, NULL), ('0 0,2 * * *', ARRAY[0], ARRAY[0, 2], NULL, NULL);
CREATE TABLE stretch (zone text, begins timestamptz);
INSERT INTO stretch VALUES ('Europe/Berlin', '2026-03-28 00:00+00'), ('Europe/Berlin', '2026-10-24 00:00+00'),
	('America/New_York', '2026-03-07 00:00+00'), ('America/New_York', '2026-10-31 00:00+00'),
	('Australia/Lord_Howe', '2026-04-03 12:00+00'), ('Australia/Lord_Howe', '2026-10-03 00:00+00'),
	('Asia/Kolkata', '2026-05-01 00:00+00'), ('America/Havana', '2026-03-07 00:00+00'), ('America/Havana', '2026-10-31 00:00+00'),
	('Pacific/Apia', '2011-12-29 00:00+00');
CREATE FUNCTION matches(f field, at timestamp) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
	SELECT (f.minutes IS NULL OR extract(minute FROM at)::int = ANY (f.minutes))
		AND (f.hours IS NULL OR extract(hour FROM at)::int = ANY (f.hours))
		AND CASE WHEN f.days IS NULL THEN f.weekdays IS NULL OR extract(dow FROM at)::int = ANY (f.weekdays)
			WHEN f.weekdays IS NULL THEN extract(day FROM at)::int = ANY (f.days)
			ELSE extract(day FROM at)::int = ANY (f.days) OR extract(dow FROM at)::int = ANY (f.weekdays) END
$$;
CREATE TABLE minute AS
	SELECT zone, begins, m, m AT TIME ZONE zone AS local
	FROM stretch, generate_series(begins - interval '2 days', begins + interval '3 days', '1 min') AS m;
CREATE INDEX ON minute (zone, begins, local, m);
CREATE TABLE expected AS
	SELECT zone, begins, schedule, m AS at FROM minute JOIN field AS f ON f.hours IS NULL AND matches(f, local)
	UNION
	SELECT s.zone, s.begins, schedule, (SELECT min(m) FROM minute x WHERE x.zone = s.zone AND x.begins = s.begins AND x.local >= l)
	FROM stretch s
		CROSS JOIN LATERAL (SELECT min(local) AS low, max(local) AS high FROM minute x WHERE x.zone = s.zone AND x.begins = s.begins) AS b
		CROSS JOIN generate_series(low, high, '1 min') AS l
		JOIN field AS f ON f.hours IS NOT NULL AND matches(f, l);
DELETE FROM expected WHERE at < begins OR at > begins + interval '2 days 12 hours';
CREATE TABLE found AS
	WITH RECURSIVE step AS (
		SELECT zone, begins, schedule, realtime.cron_next(schedule, begins - interval '1 s', zone) AS at FROM stretch, field
		UNION ALL
		SELECT zone, begins, schedule, realtime.cron_next(schedule, at, zone) FROM step
		WHERE at <= begins + interval '2 days 12 hours')
	SELECT * FROM step WHERE at <= begins + interval '2 days 12 hours';
SELECT count(*) > 30000 AS many FROM expected;
(TABLE expected EXCEPT TABLE found) UNION ALL (TABLE found EXCEPT TABLE expected) ORDER BY 1, 2, 3, 4 LIMIT 10;
SELECT count(*) = (SELECT count(*) FROM expected) AS each_once FROM found;

-- what is no schedule
DO $$
DECLARE
	bad text;
	detail text;
BEGIN
	FOREACH bad IN ARRAY ARRAY['', '* * * *', '* * * * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *', '* * * 13 *', '* * * * 8',
		'5-1 * * * *', '1/2 * * * *', '*/0 * * * *', '*/x * * * *', 'x * * * *', '1, * * * *', '1-* * * * *', '* * * january *', '* * * * l',
		'00001 * * * *', '1.5 * * * *', '@reboot', '@every', '@every 10', '@every 0s', '@every 10y', '@every 400d', '@every 99999999999999999999s',
		'@hourly now', E'1\n* * * *', '@every 1s x', repeat('* ', 200)]
	LOOP
		BEGIN
			PERFORM realtime.cron_next(bad);
			RAISE NOTICE '% is taken', bad;
		EXCEPTION WHEN invalid_parameter_value THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
			RAISE NOTICE '%: %', left(bad, 20), detail;
		END;
	END LOOP;
END
$$;
SELECT realtime.cron_next('* * * * *', now(), 'Europe/Atlantis');

-- declarations
SELECT realtime.cron('app/tick', '*/5 * * * *', 'app.job()');
SELECT realtime.cron('app/rows', '@daily', 'app.rows()', 'numbers', 'Europe/Berlin', 'all', '5 min', false);
SELECT path, schedule, handler, topic, time_zone, missed, timeout, active, owner = current_user::regrole AS mine FROM realtime.cron_declaration ORDER BY path;
SELECT realtime.alter_cron('app/rows', schedule => '@hourly', active => true);
SELECT path, schedule, handler, topic, missed, timeout, active FROM realtime.cron_jobs ORDER BY path;
SELECT realtime.cron('app/tick', '@hourly', 'app.job()', timeout => NULL);
SELECT path, schedule, timeout, active FROM realtime.cron_jobs WHERE path = 'app/tick';
SELECT realtime.cron('app/bad', '0 0 30 2 *', 'app.job()');
SELECT realtime.cron('app/bad', 'never', 'app.job()');
SELECT realtime.cron('app/bad', '@hourly', 'app.needs(integer)');
SELECT realtime.cron('app/bad', '@hourly', 'app.job()', missed => 'perhaps');
SELECT realtime.cron('app/bad', '@hourly', 'app.job()', time_zone => 'nowhere');
SELECT realtime.cron('app/bad', '@hourly', 'app.job()', topic => '__own');
SELECT realtime.cron('app/bad', '@hourly', 'app.job()', topic => 'of:{n}');
SELECT realtime.cron('bad', '@hourly', 'app.job()');
SELECT realtime.cron('app/bad', NULL, 'app.job()');
SELECT realtime.cron('app/bad', '@hourly', NULL);
SELECT realtime.cron('app/bad', '@hourly', 'app.job()', timeout => '0');
SELECT realtime.alter_cron('app/bad', active => false);

-- owners
CREATE ROLE regress_cron_admin IN ROLE realtime_admin;
CREATE ROLE regress_cron_other IN ROLE realtime_admin;
GRANT USAGE ON SCHEMA app TO regress_cron_admin, regress_cron_other;
SET ROLE regress_cron_admin;
SELECT realtime.cron('app/own', '@hourly', 'app.job()');
SELECT realtime.alter_cron('app/tick', handler => 'app.rows()');
RESET ROLE;
SET ROLE regress_cron_other;
SELECT realtime.alter_cron('app/own', active => false);
SELECT realtime.cron('app/own', '@daily', 'app.job()');
RESET ROLE;
SELECT path, owner FROM realtime.cron_declaration WHERE path = 'app/own';
SELECT object, problem FROM realtime.check() WHERE object LIKE 'cron%';
REVOKE EXECUTE ON FUNCTION app.job() FROM PUBLIC;
SELECT object, problem FROM realtime.check() WHERE object LIKE 'cron%';

-- a function that goes takes its jobs along, or is kept
DROP FUNCTION app.rows();
DROP FUNCTION app.rows() CASCADE;
SELECT path FROM realtime.cron_declaration ORDER BY path;
ALTER FUNCTION app.job() RENAME TO work;
SELECT path, handler FROM realtime.cron_declaration ORDER BY path;
SELECT realtime.drop('app/tick'), realtime.drop('app/own'), realtime.drop('app/none');
DROP SCHEMA app CASCADE;
DROP TABLE field, stretch, minute, expected, found CASCADE;
DROP ROLE regress_cron_admin, regress_cron_other;

--
-- What is not tried while it fails
--
CREATE FUNCTION realtime.breaker(
	name text,
	threshold integer DEFAULT 5,
	reset interval DEFAULT '30 s')
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_breaker';
COMMENT ON FUNCTION realtime.breaker(text, integer, interval) IS
'Declares a circuit breaker for calls that name it (breaker), or replaces it: once so many of them in a row have failed, none is run for a while, and clients get the fallback of their path, or SERVICE_UNAVAILABLE. Then one is tried: if it succeeds all is as before, else it takes as long again.
threshold: how many; NULL removes the breaker. reset: how long.
Failures are errors of SQLSTATE classes 08, 53, 57, 58, HV and XX, and time-outs; what is refused, or wrong in what the client sent, is none.
Errors: 22023 for an option that is wrong, 22004 for a NULL.';

CREATE FUNCTION realtime.stat_get_breakers(
	OUT name text,
	OUT state text,
	OUT failures integer,
	OUT trips bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_stat_get_breakers';
COMMENT ON FUNCTION realtime.stat_get_breakers() IS
'Rows of the view realtime.breakers that have ever failed.';

CREATE VIEW realtime.breakers AS
	SELECT name, coalesce(state, 'healthy') AS state, coalesce(failures, 0) AS failures,
		coalesce(trips, 0) AS trips, threshold, reset
	FROM realtime.breaker_declaration
		LEFT JOIN realtime.stat_get_breakers() USING (name);
COMMENT ON VIEW realtime.breakers IS
	'Circuit breakers and how they are';
COMMENT ON COLUMN realtime.breakers.name IS
	'Name of the breaker';
COMMENT ON COLUMN realtime.breakers.state IS
	'healthy; broken: nothing is run; probing: one call is being tried';
COMMENT ON COLUMN realtime.breakers.failures IS
	'Failures in a row, until now';
COMMENT ON COLUMN realtime.breakers.trips IS
	'Times that it broke, since the start of the server';
COMMENT ON COLUMN realtime.breakers.threshold IS
	'How many calls in a row must fail before it breaks';
COMMENT ON COLUMN realtime.breakers.reset IS
	'How long nothing is tried then';


--
-- Limits
--
CREATE FUNCTION realtime.stat_get_limits(
	OUT name text,
	OUT action text,
	OUT answer text,
	OUT hits bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 25
AS 'MODULE_PATHNAME', 'realtime_stat_get_limits';
COMMENT ON FUNCTION realtime.stat_get_limits() IS
'The rows of the view realtime.limits, without their values.';

CREATE VIEW realtime.limits AS
	SELECT name, CASE name WHEN 'head' THEN '16kB' ELSE current_setting('realtime.' || name) END AS value, action, answer, hits
	FROM realtime.stat_get_limits();
COMMENT ON VIEW realtime.limits IS
	'What clients and functions have only so much of, and how often that was not enough, since the server has started';
COMMENT ON COLUMN realtime.limits.name IS
	'Name of the setting, without realtime.; head: bytes of the first line and the headers of a request, which is fixed';
COMMENT ON COLUMN realtime.limits.value IS
	'The limit as it is set now';
COMMENT ON COLUMN realtime.limits.action IS
	'What happens beyond it: refuse what is asked for, close the connection, wait, drop events, bypass what there is no room for, cancel the call';
COMMENT ON COLUMN realtime.limits.answer IS
	'How a client learns of it: a status of HTTP, a code of an error or denial, a close code, or an event; NULL is not at all, or the connection just ends';
COMMENT ON COLUMN realtime.limits.hits IS
	'How often it has acted';

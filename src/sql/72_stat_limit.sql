--
-- Limits
--
CREATE FUNCTION realtime.stat_get_limits(
	OUT name text,
	OUT policy text,
	OUT action text,
	OUT answer text,
	OUT per text,
	OUT current bigint,
	OUT peak bigint,
	OUT maximum bigint,
	OUT hits bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 60
AS 'MODULE_PATHNAME', 'realtime_stat_get_limits';
COMMENT ON FUNCTION realtime.stat_get_limits() IS
'The rows of the view realtime.limits, without their values.';

CREATE VIEW realtime.limits AS
	SELECT name,
		CASE name WHEN 'head' THEN '16kB'
			ELSE coalesce(current_setting('realtime.' || name, true), maximum::text) END AS value,
		policy, action, answer, per, current, peak, maximum, hits
	FROM realtime.stat_get_limits();
COMMENT ON VIEW realtime.limits IS
	'Everything that grows and how far it can, what happens then, how near it has come to that, and how often it has happened, since the server has started';
COMMENT ON COLUMN realtime.limits.name IS
	'Name of the setting, without realtime.; or of what is bounded without one';
COMMENT ON COLUMN realtime.limits.value IS
	'The limit as it is set now';
COMMENT ON COLUMN realtime.limits.policy IS
	'What gives way: REJECT, what comes; EVICT, what was there; WARN, nothing: it goes on without, which the log says';
COMMENT ON COLUMN realtime.limits.action IS
	'What happens beyond it: refuse what is asked for, close the connection, wait, drop events, forget what was kept, bypass what there is no room for, warn, cancel the call';
COMMENT ON COLUMN realtime.limits.answer IS
	'How a client learns of it: a status of HTTP, a code of an error or denial, a close code, or an event; NULL is not at all, or the connection just ends';
COMMENT ON COLUMN realtime.limits.per IS
	'Who has so much: the server, each gateway, each connection and so on';
COMMENT ON COLUMN realtime.limits.current IS
	'How much there is now, of several gateways or executors in the one that has most; NULL: not known, as each client has it, or nothing that can be counted';
COMMENT ON COLUMN realtime.limits.peak IS
	'The most that there was, or that one client has had; NULL: not known';
COMMENT ON COLUMN realtime.limits.maximum IS
	'The limit as a number to compare these with, memory in bytes; NULL: there is none, or it is a time';
COMMENT ON COLUMN realtime.limits.hits IS
	'How often it has acted';

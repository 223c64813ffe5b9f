
--
-- Limits of calls
--
CREATE FUNCTION realtime.stat_get_rate_limit(
	OUT path text,
	OUT identities bigint,
	OUT passed bigint,
	OUT refused bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'realtime_stat_get_rate_limit';
COMMENT ON FUNCTION realtime.stat_get_rate_limit() IS
'The rows of the view realtime.stat_rate_limit.';

CREATE VIEW realtime.stat_rate_limit AS
	SELECT * FROM realtime.stat_get_rate_limit();
COMMENT ON VIEW realtime.stat_rate_limit IS
	'What the limits of calls have done since the server has started (rate_limit of realtime.rpc())';
COMMENT ON COLUMN realtime.stat_rate_limit.path IS
	'Path of the call';
COMMENT ON COLUMN realtime.stat_rate_limit.identities IS
	'Users and addresses that are being counted; at most realtime.rate_identities';
COMMENT ON COLUMN realtime.stat_rate_limit.passed IS
	'Calls that were within the limit';
COMMENT ON COLUMN realtime.stat_rate_limit.refused IS
	'Calls that were refused with RATE_LIMITED';


--
-- What has become of what clients have asked for
--
CREATE FUNCTION realtime.stat_get_handler(
	OUT path text,
	OUT kind text,
	OUT calls bigint,
	OUT errors bigint,
	OUT total_time double precision,
	OUT mean_time double precision,
	OUT max_time double precision,
	OUT error_codes jsonb,
	OUT buckets jsonb,
	OUT stats_reset timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'realtime_stat_get_handler';
COMMENT ON FUNCTION realtime.stat_get_handler() IS
'The rows of the view realtime.stat_handler.';

CREATE VIEW realtime.stat_handler AS
	SELECT * FROM realtime.stat_get_handler()
	WHERE calls > 0;
COMMENT ON VIEW realtime.stat_handler IS
	'What has become of what clients have asked for by each path, since the server has started or realtime.stat_reset_handler()';
COMMENT ON COLUMN realtime.stat_handler.path IS
	'Path; "(unknown)" stands for all that are not declared, "(other)" for those beyond realtime.stat_paths';
COMMENT ON COLUMN realtime.stat_handler.kind IS
	'call; stream: the first value of one, or a page of it; cron: a job';
COMMENT ON COLUMN realtime.stat_handler.calls IS
	'How often it has been run, with success or not';
COMMENT ON COLUMN realtime.stat_handler.errors IS
	'How often its client has been told an error';
COMMENT ON COLUMN realtime.stat_handler.total_time IS
	'Time from when an executor took it to its commit or rollback, in milliseconds';
COMMENT ON COLUMN realtime.stat_handler.mean_time IS
	'The same on average; NULL if there is none';
COMMENT ON COLUMN realtime.stat_handler.max_time IS
	'The longest of these times';
COMMENT ON COLUMN realtime.stat_handler.error_codes IS
	'Number of errors by their code; CUSTOM: codes of realtime.raise() that the server itself does not have';
COMMENT ON COLUMN realtime.stat_handler.buckets IS
	'Number of calls by their time: {"0.0001": up to 0.0001 s, "0.00025": longer than that and up to 0.00025 s, ..., "+Inf": longer}';
COMMENT ON COLUMN realtime.stat_handler.stats_reset IS
	'When counting has begun';

CREATE FUNCTION realtime.stat_reset_handler(path text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_stat_reset_handler';
COMMENT ON FUNCTION realtime.stat_reset_handler(text) IS
'Sets the counters of realtime.stat_handler to zero, of one path or, with NULL, of all; at once, whatever becomes of the transaction.';


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
	'call; stream: the first value of one, or a page of it; cron: a job; job: those of a queue';
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
'Sets the counters of realtime.stat_handler and realtime.stat_computed to zero, of one path or, with NULL, of all; at once, whatever becomes of the transaction.';

--
-- What is computed, and done, because of events: nobody waits for it
--
CREATE FUNCTION realtime.stat_get_computed(
	OUT path text,
	OUT kind text,
	OUT runs bigint,
	OUT errors bigint,
	OUT events bigint,
	OUT total_time double precision,
	OUT max_time double precision,
	OUT last_error text,
	OUT last_error_at timestamptz,
	OUT stats_reset timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'realtime_stat_get_computed';
COMMENT ON FUNCTION realtime.stat_get_computed() IS
'The counters of the view realtime.stat_computed, by path; kind "reload" is that of streams.';

CREATE VIEW realtime.stat_computed AS
	WITH computed AS (
		SELECT path, 'aggregate'::text AS kind, ARRAY[source::text] AS sources, 'aggregate'::text AS counted
		FROM realtime.aggregate_declaration
	UNION ALL
		SELECT path, 'effect', sources, 'effect' FROM realtime.effect_declaration
	UNION ALL
		SELECT path, 'derived', invalidate_on, 'reload' FROM realtime.stream_declaration WHERE invalidate_on <> '{}'
	)
	SELECT c.path::text AS path, c.kind, c.sources,
		coalesce(s.runs, 0) AS runs, coalesce(s.errors, 0) AS errors,
		CASE WHEN c.kind <> 'derived' THEN coalesce(s.events, 0) END AS events,
		CASE WHEN c.kind <> 'derived' THEN w.waiting END AS waiting,
		w.waiting_since, pg_catalog.clock_timestamp() - w.waiting_since AS lag,
		coalesce(s.total_time, 0) AS total_time, s.total_time / nullif(s.runs, 0) AS mean_time, s.max_time,
		s.last_error, s.last_error_at, s.stats_reset
	FROM computed c
		LEFT JOIN realtime.stat_get_computed() s ON s.path = c.path AND s.kind = c.counted
		CROSS JOIN LATERAL (SELECT count(*) AS waiting, min(published_at) AS waiting_since
			FROM realtime.intake i WHERE c.kind <> 'derived' AND i.path = c.path) w;
COMMENT ON VIEW realtime.stat_computed IS
	'What has become of aggregates, effects and derived values since the server has started or realtime.stat_reset_handler(), and what waits for them';
COMMENT ON COLUMN realtime.stat_computed.path IS
	'The aggregate, effect, or stream that is loaded anew by events';
COMMENT ON COLUMN realtime.stat_computed.kind IS
	'aggregate, effect or derived';
COMMENT ON COLUMN realtime.stat_computed.sources IS
	'Topics, patterns and templates of topics whose events it is for';
COMMENT ON COLUMN realtime.stat_computed.runs IS
	'How often events have been counted, some at a time; the function has been run; or the value has been loaded anew';
COMMENT ON COLUMN realtime.stat_computed.errors IS
	'How often that has failed; of an aggregate that is done again without the events that it has failed with, which realtime.aggregates counts';
COMMENT ON COLUMN realtime.stat_computed.events IS
	'How many events it has taken; NULL: they are not counted';
COMMENT ON COLUMN realtime.stat_computed.waiting IS
	'How many it has not taken yet';
COMMENT ON COLUMN realtime.stat_computed.waiting_since IS
	'When the first of these was published; NULL: none waits';
COMMENT ON COLUMN realtime.stat_computed.lag IS
	'How long ago that is';
COMMENT ON COLUMN realtime.stat_computed.total_time IS
	'Time that runs have taken, in milliseconds';
COMMENT ON COLUMN realtime.stat_computed.mean_time IS
	'The same on average';
COMMENT ON COLUMN realtime.stat_computed.max_time IS
	'The longest of these times';
COMMENT ON COLUMN realtime.stat_computed.last_error IS
	'Message of the last error, its beginning if it is long; the log has all of it';
COMMENT ON COLUMN realtime.stat_computed.last_error_at IS
	'When that was';
COMMENT ON COLUMN realtime.stat_computed.stats_reset IS
	'When counting has begun; NULL: it has not been run';

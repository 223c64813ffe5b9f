--
-- Metrics
--
CREATE FUNCTION realtime.metrics(
	OUT name text,
	OUT type text,
	OUT labels jsonb,
	OUT value double precision)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 1000
AS 'MODULE_PATHNAME', 'realtime_metrics_rows';
COMMENT ON FUNCTION realtime.metrics() IS
'What GET /metrics (realtime.metrics_path) answers: metrics of the whole server, a row for each sample.
name: as Prometheus has it, with _total for counters, and _bucket, _sum and _count for histograms. type: counter, gauge or histogram. labels: an object, {} if there are none. value: of counters since the server''s, or their gateway''s, start; times in seconds, in milliseconds where the name ends with _ms.';

CREATE FUNCTION realtime.metrics_text(open_metrics boolean DEFAULT false) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_metrics_text';
COMMENT ON FUNCTION realtime.metrics_text(boolean) IS
'The same in the text format of Prometheus, or as OpenMetrics 1.0.';

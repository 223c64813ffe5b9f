
--
-- Metrics
--
CREATE FUNCTION realtime.metrics_text(open_metrics boolean DEFAULT false) RETURNS text
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_metrics_text';
COMMENT ON FUNCTION realtime.metrics_text(boolean) IS
'What GET /metrics (realtime.metrics_path) answers: metrics of the whole server in the text format of Prometheus, or as OpenMetrics 1.0.';

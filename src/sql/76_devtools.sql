--
-- What a page shows of the server
--
CREATE FUNCTION realtime.devtools_gate() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT pg_catalog.current_setting('realtime.devtools')::pg_catalog.bool $$;
COMMENT ON FUNCTION realtime.devtools_gate() IS
'The gate of the stream realtime/server: the setting realtime.devtools.';

CREATE FUNCTION realtime.devtools_server() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
SELECT jsonb_build_object(
	'at', extract(epoch FROM clock_timestamp()) * 1000,
	'gateways', (
		SELECT jsonb_agg(to_jsonb(g) ORDER BY number)
		FROM (SELECT number, state, started_at, connections, subscriptions, accepted, refused, frames_in, calls, overloaded,
				deliveries, dropped, markers, bytes_out, memory, in_flight, waiting
			FROM realtime.stat_gateway) AS g),
	'executors', (
		SELECT jsonb_agg(to_jsonb(e) ORDER BY number)
		FROM (SELECT number, state, calls, errors, retries FROM realtime.stat_executor) AS e),
	'pressure', (SELECT to_jsonb(p) FROM realtime.pressure AS p),
	'handlers', (
		SELECT coalesce(jsonb_agg(to_jsonb(h) ORDER BY total_time DESC), '[]')
		FROM (SELECT path, kind, calls, errors, total_time, mean_time, max_time
			FROM realtime.stat_handler ORDER BY total_time DESC LIMIT 50) AS h),
	'queries', (
		SELECT coalesce(jsonb_agg(to_jsonb(q) ORDER BY total_time DESC), '[]')
		FROM (SELECT path, count(*) AS groups, count(*) FILTER (WHERE state = 'failing') AS failing, sum(rows) AS rows,
				sum(runs) AS runs, sum(failures) AS failures, sum(refreshes) AS refreshes, sum(events) AS events,
				sum(total_time) AS total_time, max(last_time) AS last_time
			FROM realtime.stat_query GROUP BY path ORDER BY sum(total_time) DESC LIMIT 50) AS q),
	'rooms', (
		SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY present DESC, topic), '[]')
		FROM (SELECT topic, present FROM realtime.stat_presence ORDER BY present DESC, topic LIMIT 20) AS r),
	'connections', (
		SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY connected_at DESC), '[]')
		FROM (SELECT connection_id, gateway, user_id, role, connected_at, subscriptions
			FROM realtime.connections ORDER BY connected_at DESC LIMIT 50) AS c),
	'limits', (
		SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY hits DESC), '[]')
		FROM (SELECT name, value, hits FROM realtime.limits WHERE hits > 0) AS l),
	'breakers', (
		SELECT coalesce(jsonb_agg(to_jsonb(b)), '[]') FROM realtime.breakers AS b))
$$;
COMMENT ON FUNCTION realtime.devtools_server() IS
'The value of the stream realtime/server, from the views of statistics: names and numbers, no arguments and nothing that was sent. Up to 50 rows of each view, 20 of rooms.';

CREATE FUNCTION realtime.devtools(enable boolean DEFAULT true) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT realtime.stream('realtime/server', 'realtime:server', 'realtime.devtools_server()', merge => 'set',
		gate => 'realtime.devtools_gate()', stale_after => '1 s', shared => true)
	WHERE enable;
	SELECT realtime.drop('realtime/server') WHERE NOT enable;
$$;
COMMENT ON FUNCTION realtime.devtools(boolean) IS
'Declares the stream realtime/server, which the page examples/server shows, or drops it. It is closed unless realtime.devtools is on, and open to roles that are members of pg_monitor or may declare.';

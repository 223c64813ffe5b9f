-- The SQL interface is what the documentation promises, to the letter.
BEGIN;
SELECT no_plan();

-- signatures with names and defaults, results, volatility, parallel safety
PREPARE signatures AS
	SELECT proname::text COLLATE "default", pg_get_function_arguments(oid), pg_get_function_result(oid), provolatile::text, proparallel::text
	FROM pg_proc
	WHERE pronamespace = 'realtime'::regnamespace AND proname NOT IN ('declaration_changed', 'declaration_anchored', 'messages_removed', 'messages_truncated', 'not_replicated') AND proname !~ '^(stat_get|entry|typescript)_'
	ORDER BY 1, 2;
SELECT results_eq('signatures', $$VALUES
	('access_all', 'VARIADIC verdicts boolean[]', 'boolean', 'i', 's'),
	('access_any', 'VARIADIC verdicts boolean[]', 'boolean', 'i', 's'),
	('access_org', 'organization text', 'boolean', 's', 'r'),
	('access_org', 'organization text, field name', 'boolean', 's', 'r'),
	('access_owner', '', 'boolean', 's', 'r'),
	('access_owner', 'field name', 'boolean', 's', 'r'),
	('access_pg_role', 'role name', 'boolean', 's', 'r'),
	('access_role', 'roles jsonb', 'boolean', 's', 'r'),
	('access_role', 'roles jsonb, field name', 'boolean', 's', 'r'),
	('access_team', '', 'boolean', 's', 'r'),
	('access_user', 'user_id text', 'boolean', 's', 'r'),
	('access_user', 'user_id text, field name', 'boolean', 's', 'r'),
	('admission', 'class text, reasons text[] DEFAULT NULL::text[], predicate regprocedure DEFAULT NULL::regprocedure', 'void', 'v', 'u'),
	('aggregate', 'path text, source text, reducers realtime.reducer[], topic text DEFAULT NULL::text, access regprocedure DEFAULT NULL::regprocedure, '
		'guard regprocedure[] DEFAULT ''{}''::regprocedure[], snapshot regprocedure DEFAULT NULL::regprocedure, class_of_service text DEFAULT NULL::text', 'void', 'v', 'u'),
	('aggregate', 'path text, source text, topic text DEFAULT NULL::text, VARIADIC reducers realtime.reducer[] DEFAULT ''{}''::realtime.reducer[]', 'void', 'v', 'u'),
	('aggregate_window', 'path text, name text, kind text, period text DEFAULT NULL::text, time_zone text DEFAULT NULL::text, '
		'duration interval DEFAULT NULL::interval, anchor timestamp with time zone DEFAULT NULL::timestamp with time zone, slide interval DEFAULT NULL::interval', 'void', 'v', 'u'),
	('alter_cron', 'path text, schedule text DEFAULT NULL::text, handler regprocedure DEFAULT NULL::regprocedure, topic text DEFAULT NULL::text, '
		'time_zone text DEFAULT NULL::text, missed text DEFAULT NULL::text, timeout interval DEFAULT NULL::interval, active boolean DEFAULT NULL::boolean', 'void', 'v', 'u'),
	('assert', 'condition boolean, category text, context jsonb DEFAULT NULL::jsonb', 'boolean', 'v', 'r'),
	('assertion_counters', 'OUT category text, OUT violations bigint', 'SETOF record', 'v', 's'),
	('binary', 'path text, handler regprocedure, max_size integer DEFAULT 10485760, guard regprocedure[] DEFAULT ''{}''::regprocedure[], timeout interval DEFAULT NULL::interval, read_only boolean DEFAULT NULL::boolean, rate_limit integer DEFAULT NULL::integer, '
		'rate_window interval DEFAULT ''00:00:10''::interval, idempotency_key regprocedure DEFAULT NULL::regprocedure, idempotency_ttl interval DEFAULT ''48:00:00''::interval, lock_key regprocedure DEFAULT NULL::regprocedure, lock_wait interval DEFAULT NULL::interval, '
		'class_of_service text DEFAULT NULL::text, idempotent boolean DEFAULT false, breaker text DEFAULT NULL::text, fallback jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('breaker', 'name text, threshold integer DEFAULT 5, reset interval DEFAULT ''00:00:30''::interval', 'void', 'v', 'u'),
	('bridge', 'channel text, topic text DEFAULT NULL::text, event text DEFAULT NULL::text, '
		'parse regprocedure DEFAULT NULL::regprocedure, invalidate text DEFAULT NULL::text', 'void', 'v', 'u'),
	('call', 'path text, args jsonb DEFAULT ''[]''::jsonb, user_data jsonb DEFAULT NULL::jsonb', 'jsonb', 'v', 'u'),
	('cancel_job', 'id bigint', 'boolean', 'v', 'u'),
	('channel', 'path text, topic text, merge text DEFAULT ''set''::text, key text DEFAULT ''id''::text, '
		'prepend boolean DEFAULT false, max integer DEFAULT NULL::integer, replay boolean DEFAULT false, '
		'replay_size integer DEFAULT 1000, replay_ttl interval DEFAULT NULL::interval, volatile boolean DEFAULT false, '
		'access regprocedure DEFAULT NULL::regprocedure, guard regprocedure[] DEFAULT ''{}''::regprocedure[], '
		'coalesce_by text DEFAULT NULL::text, gate regprocedure DEFAULT NULL::regprocedure, transform regprocedure DEFAULT NULL::regprocedure, '
		'on_subscribe regprocedure DEFAULT NULL::regprocedure, on_unsubscribe regprocedure DEFAULT NULL::regprocedure, '
		'on_error regprocedure DEFAULT NULL::regprocedure, class_of_service text DEFAULT NULL::text, '
		'topic_by regprocedure DEFAULT NULL::regprocedure', 'void', 'v', 'u'),
	('check', '', 'TABLE(severity text, object text, problem text, hint text)', 'v', 'u'),
	('clear_replay', 'topic text DEFAULT NULL::text', 'bigint', 'v', 'u'),
	('client_module', 'module text, client text DEFAULT ''/realtime/client.js''::text', 'text', 's', 'r'),
	('combine_counts', 'a jsonb, b jsonb', 'jsonb', 'i', 's'),
	('combine_max', 'a jsonb, b jsonb', 'jsonb', 'i', 's'),
	('combine_merge', 'a jsonb, b jsonb', 'jsonb', 'i', 's'),
	('combine_min', 'a jsonb, b jsonb', 'jsonb', 'i', 's'),
	('combine_sum', 'a jsonb, b jsonb', 'jsonb', 'i', 's'),
	('connection_id', '', 'text', 's', 'r'),
	('connection_notify', 'connection_id text, event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('connection_push', 'connection_id text, event text, data jsonb DEFAULT NULL::jsonb, timeout interval DEFAULT ''00:00:05''::interval', 'jsonb', 'v', 'u'),
	('connection_send', 'connection_id text, topic text, event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('consume', 'limiter text, points integer, period interval, key text DEFAULT NULL::text, cost integer DEFAULT 1, block interval DEFAULT ''00:00:00''::interval, OUT allowed boolean, OUT remaining integer, OUT reset_ms integer', 'record', 'v', 'r'),
	('context', 'key text', 'jsonb', 's', 'r'),
	('count_value', 'state jsonb, value text', 'jsonb', 'i', 's'),
	('counts', 'value text', 'jsonb', 'i', 's'),
	('cron', 'path text, schedule text, handler regprocedure, topic text DEFAULT NULL::text, time_zone text DEFAULT NULL::text, '
		'missed text DEFAULT ''skip''::text, timeout interval DEFAULT ''01:00:00''::interval, active boolean DEFAULT true', 'void', 'v', 'u'),
	('cron_next', 'schedule text, after timestamp with time zone DEFAULT now(), time_zone text DEFAULT NULL::text', 'timestamp with time zone', 's', 's'),
	('cursor', '', 'jsonb', 's', 'r'),
	('cursor_join', 'topic text, user_data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('cursor_leave', 'topic text DEFAULT NULL::text', 'void', 'v', 'u'),
	('cursor_list', 'topic text, OUT key text, OUT user_data jsonb, OUT data jsonb, OUT moved_at timestamp with time zone', 'SETOF record', 'v', 's'),
	('cursor_remove', 'topic text', 'void', 'v', 'u'),
	('cursor_update', 'topic text, data jsonb', 'void', 'v', 'u'),
	('cursor_watch', 'topic text', 'void', 'v', 'u'),
	('debounce', 'topic text, event text, data jsonb, after interval', 'void', 'v', 'u'),
	('declared_functions', 'OUT kind text, OUT declaration text, OUT purpose text, OUT signature text, OUT function oid', 'SETOF record', 's', 'r'),
	('declared_topic', 'topic text', 'text', 's', 'r'),
	('derived', 'path text, sources text[], loader regprocedure, merge text DEFAULT ''set''::text, debounce interval DEFAULT ''00:00:00''::interval, '
		'topic text DEFAULT NULL::text, key text DEFAULT ''id''::text, shared boolean DEFAULT true, access regprocedure DEFAULT NULL::regprocedure, '
		'gate regprocedure DEFAULT NULL::regprocedure, guard regprocedure[] DEFAULT ''{}''::regprocedure[], transform regprocedure DEFAULT NULL::regprocedure, '
		'stale_after interval DEFAULT NULL::interval, on_subscribe regprocedure DEFAULT NULL::regprocedure, on_unsubscribe regprocedure DEFAULT NULL::regprocedure, '
		'on_error regprocedure DEFAULT NULL::regprocedure, class_of_service text DEFAULT NULL::text, breaker text DEFAULT NULL::text, fallback jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('derived_topic', 'path text, loader regprocedure', 'text', 's', 's'),
	('devtools', 'enable boolean DEFAULT true', 'void', 'v', 'u'),
	('devtools_gate', '', 'boolean', 's', 's'),
	('devtools_server', '', 'jsonb', 's', 'r'),
	('disconnect', 'user_id text DEFAULT NULL::text, connection_id text DEFAULT NULL::text, code integer DEFAULT 4403, reason text DEFAULT NULL::text', 'integer', 'v', 'u'),
	('drop', 'path text', 'boolean', 'v', 'u'),
	('drop_aggregate_window', 'path text, name text', 'boolean', 'v', 'u'),
	('drop_live_table', 'relation regclass', 'boolean', 'v', 'u'),
	('effect', 'path text, sources text[], handler regprocedure DEFAULT NULL::regprocedure, durable boolean DEFAULT false, queue text DEFAULT NULL::text', 'void', 'v', 'u'),
	('enqueue', 'queue text, payload jsonb DEFAULT NULL::jsonb, run_at timestamp with time zone DEFAULT now(), priority integer DEFAULT 0, '
		'unique_key text DEFAULT NULL::text, max_attempts integer DEFAULT NULL::integer, order_key text DEFAULT NULL::text', 'bigint', 'v', 'u'),
	('explain_query', 'path text, OUT relation text, OUT alias text, OUT read_in text, OUT used text, OUT needed text, OUT filters text, '
		'OUT cut text, OUT way text, OUT plan text, OUT why_full text, OUT hint text, OUT tally text', 'SETOF record', 'v', 'u'),
	('extend_job', 'id bigint, visibility interval DEFAULT NULL::interval, attempt integer DEFAULT NULL::integer', 'boolean', 'v', 'u'),
	('fail_job', 'id bigint, message text DEFAULT NULL::text, attempt integer DEFAULT NULL::integer, retry_at timestamp with time zone DEFAULT NULL::timestamp with time zone', 'text', 'v', 'u'),
	('finish_job', 'id bigint, result jsonb DEFAULT NULL::jsonb, attempt integer DEFAULT NULL::integer', 'boolean', 'v', 'u'),
	('group', 'name text, max_members integer DEFAULT NULL::integer, meta jsonb DEFAULT ''{}''::jsonb, member_ttl interval DEFAULT ''00:02:00''::interval, '
		'on_join regprocedure DEFAULT NULL::regprocedure, on_leave regprocedure DEFAULT NULL::regprocedure, on_full regprocedure DEFAULT NULL::regprocedure, '
		'on_close regprocedure DEFAULT NULL::regprocedure', 'void', 'v', 'u'),
	('group_close', 'name text, reason text DEFAULT NULL::text', 'boolean', 'v', 'u'),
	('group_count', 'name text', 'bigint', 'v', 'u'),
	('group_has', 'name text, connection_id text DEFAULT NULL::text', 'boolean', 'v', 'u'),
	('group_join', 'name text, role text DEFAULT NULL::text', 'boolean', 'v', 'u'),
	('group_leave', 'name text', 'boolean', 'v', 'u'),
	('group_members', 'name text, OUT connection_id text, OUT user_id text, OUT role text, OUT joined_at timestamp with time zone', 'SETOF record', 'v', 'u'),
	('group_meta', 'name text', 'jsonb', 'v', 'u'),
	('group_publish', 'name text, event text, data jsonb DEFAULT NULL::jsonb, role text DEFAULT NULL::text', 'void', 'v', 'u'),
	('group_send', 'name text, connection_id text, event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('group_set_meta', 'name text, meta jsonb', 'void', 'v', 'u'),
	('guard', 'module text, guard regprocedure[] DEFAULT ''{}''::regprocedure[], authenticated boolean DEFAULT false', 'void', 'v', 'u'),
	('handle_frame', 'connection_id text, frame text', 'boolean', 'v', 'u'),
	('handle_webhook', 'path text, payload bytea, headers jsonb, OUT status integer, OUT body text', 'record', 'v', 'u'),
	('hmac_equals', 'message bytea, key bytea, signature bytea, algorithm text DEFAULT ''sha256''::text', 'boolean', 'i', 's'),
	('hook', 'name text, function regprocedure', 'void', 'v', 'u'),
	('idempotency_acquire', 'path text, key text, ttl interval DEFAULT ''48:00:00''::interval, OUT acquired boolean, OUT answer jsonb', 'record', 'v', 'u'),
	('idempotency_answer', 'path text, key text, answer jsonb', 'void', 'v', 'u'),
	('invalidate', 'pattern text', 'void', 'v', 'u'),
	('job_progress', 'data jsonb', 'void', 'v', 'u'), ('job_progress', 'id bigint, data jsonb, attempt integer DEFAULT NULL::integer', 'boolean', 'v', 'u'),
	('job_state', 'id bigint', 'jsonb', 's', 'r'),
	('keyset_page', 'query text, key text DEFAULT ''id''::text, size integer DEFAULT 50, descending boolean DEFAULT false', 'realtime.page', 's', 'r'),
	('limiter_ban', 'limiter text, key text, duration interval DEFAULT ''00:01:00''::interval', 'void', 'v', 'r'),
	('limiter_clear', 'limiter text', 'bigint', 'v', 'r'),
	('limiter_reset', 'limiter text, key text', 'boolean', 'v', 'r'),
	('limiter_unban', 'limiter text, key text', 'boolean', 'v', 'r'),
	('live_table', 'relation regclass, topic text, key text DEFAULT NULL::text, columns name[] DEFAULT NULL::name[], '
		'always boolean DEFAULT false', 'void', 'v', 'u'),
	('live_table_arguments', 'arguments bytea', 'text[]', 'i', 's'),
	('live_table_changed', '', 'trigger', 'v', 'u'),
	('load', 'path text, args jsonb DEFAULT ''[]''::jsonb, user_data jsonb DEFAULT NULL::jsonb', 'jsonb', 'v', 'u'),
	('lookup', 'user_id text', 'SETOF realtime.connections', 's', 'u'),
	('mark_degraded', 'topic text, reason text DEFAULT NULL::text', 'void', 'v', 'u'),
	('mark_recovered', 'topic text', 'void', 'v', 'u'),
	('metrics', 'OUT name text, OUT type text, OUT labels jsonb, OUT value double precision', 'SETOF record', 'v', 's'),
	('metrics_text', 'open_metrics boolean DEFAULT false', 'text', 'v', 's'),
	('middleware', 'name text, function regprocedure DEFAULT NULL::regprocedure, place integer DEFAULT 0', 'void', 'v', 'u'),
	('module_entries', '', 'SETOF realtime.module_entry', 's', 's'),
	('modules', '', 'SETOF text', 's', 'r'),
	('next', '', 'jsonb', 'v', 'u'),
	('notify', 'user_id text, event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('pipe', 'path text, VARIADIC steps realtime.pipe_step[] DEFAULT ''{}''::realtime.pipe_step[]', 'void', 'v', 'u'),
	('pipe_filter', 'predicate regprocedure, live boolean DEFAULT false', 'realtime.pipe_step', 'i', 's'),
	('pipe_join', 'field text, resolver regprocedure, as_field text, live boolean DEFAULT false', 'realtime.pipe_step', 'i', 's'),
	('pipe_limit', 'n integer', 'realtime.pipe_step', 'i', 's'),
	('pipe_sort', 'field text, direction text DEFAULT ''asc''::text', 'realtime.pipe_step', 'i', 's'),
	('presence', 'topic text, OUT key text, OUT data jsonb, OUT connections integer, OUT since timestamp with time zone', 'SETOF record', 'v', 's'),
	('presence_count', 'topic text', 'bigint', 'v', 's'),
	('presence_join', 'topic text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('presence_leave', 'topic text DEFAULT NULL::text', 'void', 'v', 'u'),
	('presence_update', 'topic text, data jsonb', 'void', 'v', 'u'),
	('presence_watch', 'topic text', 'void', 'v', 'u'),
	('publish', 'messages realtime.envelope[]', 'void', 'v', 'u'),
	('publish', 'topic text, event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('push', 'user_id text, event text, data jsonb DEFAULT NULL::jsonb, timeout interval DEFAULT ''00:00:05''::interval', 'jsonb', 'v', 'u'),
	('query', 'path text, sql text DEFAULT NULL::text, loader regprocedure DEFAULT NULL::regprocedure, key text DEFAULT ''id''::text, '
		'parameters regtype[] DEFAULT NULL::regtype[], depends_on regclass[] DEFAULT ''{}''::regclass[], '
		'stale_after interval DEFAULT NULL::interval, debounce interval DEFAULT ''00:00:00''::interval, max_rows integer DEFAULT 10000, '
		'access regprocedure DEFAULT NULL::regprocedure, guard regprocedure[] DEFAULT ''{}''::regprocedure[], '
		'transform regprocedure DEFAULT NULL::regprocedure, on_subscribe regprocedure DEFAULT NULL::regprocedure, '
		'on_unsubscribe regprocedure DEFAULT NULL::regprocedure, on_error regprocedure DEFAULT NULL::regprocedure, '
		'max integer DEFAULT NULL::integer, prepend boolean DEFAULT false, class_of_service text DEFAULT NULL::text', 'void', 'v', 'u'),
	('query_table_changed', '', 'trigger', 'v', 'u'),
	('queue', 'name text, handler regprocedure DEFAULT NULL::regprocedure, max_attempts integer DEFAULT 10, backoff interval DEFAULT ''00:00:01''::interval, '
		'max_backoff interval DEFAULT ''01:00:00''::interval, jitter double precision DEFAULT 0.1, timeout interval DEFAULT ''01:00:00''::interval, '
		'visibility interval DEFAULT ''00:05:00''::interval, concurrency integer DEFAULT NULL::integer, priority integer DEFAULT 0, '
		'retention interval DEFAULT ''1 day''::interval, dead_retention interval DEFAULT ''30 days''::interval, topic text DEFAULT NULL::text, '
		'active boolean DEFAULT true, max_size integer DEFAULT NULL::integer', 'void', 'v', 'u'),
	('raise', 'code text, message text DEFAULT NULL::text, issues jsonb DEFAULT NULL::jsonb', 'void', 'v', 'r'),
	('rate_limits', 'path text, rate_limit integer DEFAULT NULL::integer, rate_window interval DEFAULT ''00:00:10''::interval, exempt boolean DEFAULT false', 'void', 'v', 'u'),
	('recheck', 'user_id text DEFAULT NULL::text, topic text DEFAULT NULL::text', 'void', 'v', 'u'),
	('redact', 'value jsonb, names text[] DEFAULT ''{}''::text[], depth integer DEFAULT 5', 'jsonb', 'i', 's'),
	('reducer', 'name text, aggregate regprocedure, field text DEFAULT NULL::text', 'realtime.reducer', 's', 's'),
	('reducer', 'name text, aggregate text, field text DEFAULT NULL::text', 'realtime.reducer', 's', 's'),
	('remote_address', '', 'inet', 's', 'r'),
	('replay', 'topic text, since bigint', 'SETOF realtime.message', 's', 'r'),
	('request_id', '', 'text', 's', 'r'),
	('retry_job', 'id bigint', 'boolean', 'v', 'u'),
	('room', 'path text, topic text, loader regprocedure, presence regprocedure DEFAULT NULL::regprocedure, cursors boolean DEFAULT false, '
		'guard regprocedure[] DEFAULT ''{}''::regprocedure[], actions regprocedure[] DEFAULT ''{}''::regprocedure[], merge text DEFAULT ''crud''::text, '
		'key text DEFAULT ''id''::text, prepend boolean DEFAULT false, max integer DEFAULT NULL::integer, '
		'replay boolean DEFAULT false, replay_size integer DEFAULT 1000, replay_ttl interval DEFAULT NULL::interval, '
		'volatile boolean DEFAULT false, coalesce_by text DEFAULT NULL::text, '
		'access regprocedure DEFAULT NULL::regprocedure, gate regprocedure DEFAULT NULL::regprocedure, '
		'transform regprocedure DEFAULT NULL::regprocedure, '
		'delta_version regprocedure DEFAULT NULL::regprocedure, delta_diff regprocedure DEFAULT NULL::regprocedure, '
		'delta_from_seq regprocedure DEFAULT NULL::regprocedure, schema_version integer DEFAULT NULL::integer, '
		'migrate regprocedure[] DEFAULT ''{}''::regprocedure[], stale_after interval DEFAULT NULL::interval, '
		'invalidate_on text[] DEFAULT ''{}''::text[], on_subscribe regprocedure DEFAULT NULL::regprocedure, '
		'on_unsubscribe regprocedure DEFAULT NULL::regprocedure, on_error regprocedure DEFAULT NULL::regprocedure, '
		'class_of_service text DEFAULT NULL::text, shared boolean DEFAULT false, topic_by regprocedure DEFAULT NULL::regprocedure, '
		'breaker text DEFAULT NULL::text, fallback jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('room_publish', 'event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('room_topic', '', 'text', 's', 'r'),
	('rpc', 'path text, handler regprocedure, guard regprocedure[] DEFAULT ''{}''::regprocedure[], '
		'timeout interval DEFAULT NULL::interval, read_only boolean DEFAULT NULL::boolean, '
		'rate_limit integer DEFAULT NULL::integer, rate_window interval DEFAULT ''00:00:10''::interval, '
		'idempotency_key regprocedure DEFAULT NULL::regprocedure, idempotency_ttl interval DEFAULT ''48:00:00''::interval, '
		'lock_key regprocedure DEFAULT NULL::regprocedure, lock_wait interval DEFAULT NULL::interval, '
		'class_of_service text DEFAULT NULL::text, idempotent boolean DEFAULT false, breaker text DEFAULT NULL::text, fallback jsonb DEFAULT NULL::jsonb, share_result boolean DEFAULT false', 'void', 'v', 'u'),
	('run_task', 'name text, input jsonb DEFAULT NULL::jsonb, timeout interval DEFAULT ''00:01:00''::interval', 'jsonb', 'v', 'u'),
	('send', 'user_id text, topic text, event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('send_coalesced', 'user_id text, key text, topic text, event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('send_to', 'criteria jsonb, topic text, event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('seq', 'topic text', 'bigint', 's', 'r'),
	('service_state', '', 'text', 'v', 's'),
	('set_context', 'key text, value jsonb', 'void', 'v', 'u'),
	('set_cookie', 'name text, value text, max_age interval DEFAULT NULL::interval, path text DEFAULT ''/''::text, domain text DEFAULT NULL::text, '
		'http_only boolean DEFAULT true, secure boolean DEFAULT true, same_site text DEFAULT ''Lax''::text', 'boolean', 'v', 'u'),
	('shed', 'class text', 'boolean', 'v', 'r'),
	('signal', 'user_id text, event text, data jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('stat_reset_handler', 'path text DEFAULT NULL::text', 'void', 'v', 'r'),
	('stream', 'path text, topic text, loader regprocedure DEFAULT NULL::regprocedure, merge text DEFAULT ''crud''::text, '
		'key text DEFAULT ''id''::text, prepend boolean DEFAULT false, max integer DEFAULT NULL::integer, '
		'replay boolean DEFAULT false, replay_size integer DEFAULT 1000, replay_ttl interval DEFAULT NULL::interval, '
		'volatile boolean DEFAULT false, coalesce_by text DEFAULT NULL::text, '
		'access regprocedure DEFAULT NULL::regprocedure, gate regprocedure DEFAULT NULL::regprocedure, '
		'guard regprocedure[] DEFAULT ''{}''::regprocedure[], transform regprocedure DEFAULT NULL::regprocedure, '
		'delta_version regprocedure DEFAULT NULL::regprocedure, delta_diff regprocedure DEFAULT NULL::regprocedure, '
		'delta_from_seq regprocedure DEFAULT NULL::regprocedure, schema_version integer DEFAULT NULL::integer, '
		'migrate regprocedure[] DEFAULT ''{}''::regprocedure[], stale_after interval DEFAULT NULL::interval, '
		'invalidate_on text[] DEFAULT ''{}''::text[], on_subscribe regprocedure DEFAULT NULL::regprocedure, '
		'on_unsubscribe regprocedure DEFAULT NULL::regprocedure, on_error regprocedure DEFAULT NULL::regprocedure, '
		'class_of_service text DEFAULT NULL::text, shared boolean DEFAULT false, topic_by regprocedure DEFAULT NULL::regprocedure, '
		'breaker text DEFAULT NULL::text, fallback jsonb DEFAULT NULL::jsonb, presence regprocedure DEFAULT NULL::regprocedure, debounce interval DEFAULT NULL::interval', 'void', 'v', 'u'),
	('subscribers', 'topic text', 'bigint', 'v', 's'),
	('table_made', '', 'event_trigger', 'v', 'u'),
	('take_jobs', 'queue text, n integer DEFAULT 1, visibility interval DEFAULT NULL::interval, OUT id bigint, OUT payload jsonb, OUT attempt integer, '
		'OUT priority integer, OUT created_at timestamp with time zone, OUT user_id text', 'SETOF record', 'v', 'u'),
	('throttle', 'topic text, event text, data jsonb, every interval', 'void', 'v', 'u'),
	('topic', 'template text, class text DEFAULT ''ordered''::text, access regprocedure DEFAULT NULL::regprocedure, '
		'open boolean DEFAULT false, replay_size integer DEFAULT 1000, replay_ttl interval DEFAULT NULL::interval', 'void', 'v', 'u'),
	('topic_example', 'template text', 'text', 'i', 's'),
	('topic_fault', 'template text', 'text', 'i', 's'),
	('topic_is_declared', '', 'trigger', 'v', 'u'),
	('topic_matches', 'topic text, template text', 'boolean', 'i', 's'),
	('topic_name', 'template text, VARIADIC args text[] DEFAULT ''{}''::text[]', 'text', 'i', 's'),
	('topic_piece', 'value text', 'text', 'i', 's'),
	('topic_version', '', 'text', 's', 'r'),
	('typescript', 'module text DEFAULT NULL::text, client text DEFAULT ''realtime-client''::text', 'text', 's', 'r'),
	('unwatch_schema', 'nsp regnamespace', 'boolean', 'v', 'u'),
	('upload', 'path text, handler regprocedure, max_size bigint DEFAULT 104857600, max_per_session integer DEFAULT 4, max_total integer DEFAULT NULL::integer, reauth_every bigint DEFAULT NULL::bigint, '
		'guard regprocedure[] DEFAULT ''{}''::regprocedure[], timeout interval DEFAULT NULL::interval, read_only boolean DEFAULT NULL::boolean, rate_limit integer DEFAULT NULL::integer, '
		'rate_window interval DEFAULT ''00:00:10''::interval, idempotency_key regprocedure DEFAULT NULL::regprocedure, idempotency_ttl interval DEFAULT ''48:00:00''::interval, lock_key regprocedure DEFAULT NULL::regprocedure, lock_wait interval DEFAULT NULL::interval, '
		'class_of_service text DEFAULT NULL::text, idempotent boolean DEFAULT false, breaker text DEFAULT NULL::text, fallback jsonb DEFAULT NULL::jsonb', 'void', 'v', 'u'),
	('upload_aborted', '', 'boolean', 'v', 'r'),
	('upload_chunks', '', 'SETOF bytea', 'v', 'u'),
	('upload_id', '', 'text', 'v', 'r'),
	('upload_next', '', 'bytea', 'v', 'u'),
	('upload_to_lo', '', 'oid', 'v', 'u'),
	('user_data', '', 'jsonb', 's', 'r'),
	('user_id', '', 'text', 's', 'r'),
	('verify_github', 'body bytea, headers jsonb, secret text', 'jsonb', 'i', 's'),
	('verify_standard_webhook', 'body bytea, headers jsonb, secret text, tolerance interval DEFAULT ''00:05:00''::interval', 'jsonb', 'v', 's'),
	('verify_stripe', 'body bytea, headers jsonb, secret text, tolerance interval DEFAULT ''00:05:00''::interval', 'jsonb', 'v', 's'),
	('watch_schema', 'nsp regnamespace, prefix text DEFAULT NULL::text', 'integer', 'v', 'u'),
	('watch_table', 'relation regclass, prefix text, watcher oid', 'boolean', 'v', 'u'),
	('watch_tables', 'nsp regnamespace, prefix text, watcher oid', 'integer', 'v', 'u'),
	('webhook', 'path text, topic text DEFAULT NULL::text, verify regprocedure DEFAULT NULL::regprocedure, transform regprocedure DEFAULT NULL::regprocedure, max_body integer DEFAULT 1048576', 'void', 'v', 'u'),
	('webhook_once', 'id text, ttl interval DEFAULT ''3 days''::interval', 'boolean', 'v', 'u'),
	('with_lock', 'key text, function regprocedure, args jsonb DEFAULT ''[]''::jsonb, max_wait interval DEFAULT NULL::interval', 'jsonb', 'v', 'u')
	$$, 'functions have exactly these signatures');

-- types
SELECT has_type('realtime', 'envelope', 'type envelope exists');
SELECT results_eq($$SELECT attname::text COLLATE "default", atttypid::regtype::text FROM pg_attribute
	WHERE attrelid = 'realtime.envelope'::regclass ORDER BY attnum$$,
	$$VALUES ('topic', 'text'), ('event', 'text'), ('data', 'jsonb')$$, 'columns of envelope');
SELECT results_eq($$SELECT attname::text COLLATE "default", atttypid::regtype::text FROM pg_attribute
	WHERE attrelid = 'realtime.message'::regclass ORDER BY attnum$$,
	$$VALUES ('topic', 'text'), ('seq', 'bigint'), ('event', 'text'), ('data', 'jsonb'), ('created_at', 'timestamp with time zone')$$,
	'columns of message');

-- every function says what it does
SELECT isnt(obj_description(oid, 'pg_proc'), NULL, format('%s has a comment', oid::regprocedure))
	FROM pg_proc WHERE pronamespace = 'realtime'::regnamespace;

-- nothing runs as its owner, so nothing needs a search_path of its own
SELECT is(count(*)::integer, 0, 'no function is SECURITY DEFINER')
	FROM pg_proc WHERE pronamespace = 'realtime'::regnamespace AND prosecdef;

-- who may execute what
PREPARE rights AS
	SELECT p.proname::text COLLATE "default", CASE a.grantee WHEN 0 THEN 'public' ELSE a.grantee::regrole::text END
	FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	WHERE p.pronamespace = 'realtime'::regnamespace AND a.grantee <> p.proowner AND p.proname !~ '^(entry|typescript)_'
	GROUP BY 1, 2 ORDER BY 1, 2;
SELECT results_eq('rights', $$VALUES
	('access_all', 'public'),
	('access_any', 'public'),
	('access_org', 'public'),
	('access_owner', 'public'),
	('access_pg_role', 'public'),
	('access_role', 'public'),
	('access_team', 'public'),
	('access_user', 'public'),
	('admission', 'pg_database_owner'), ('admission', 'realtime_admin'),
	('aggregate', 'pg_database_owner'), ('aggregate', 'realtime_admin'),
	('aggregate_window', 'pg_database_owner'), ('aggregate_window', 'realtime_admin'),
	('alter_cron', 'pg_database_owner'), ('alter_cron', 'realtime_admin'),
	('assert', 'realtime_publisher'),
	('assertion_counters', 'pg_database_owner'), ('assertion_counters', 'pg_monitor'), ('assertion_counters', 'realtime_admin'),
	('binary', 'pg_database_owner'), ('binary', 'realtime_admin'),
	('breaker', 'pg_database_owner'), ('breaker', 'realtime_admin'),
	('bridge', 'pg_database_owner'), ('bridge', 'realtime_admin'),
	('call', 'pg_database_owner'), ('call', 'realtime_admin'),
	('cancel_job', 'realtime_publisher'),
	('channel', 'pg_database_owner'), ('channel', 'realtime_admin'),
	('check', 'pg_database_owner'), ('check', 'realtime_admin'),
	('clear_replay', 'pg_database_owner'), ('clear_replay', 'realtime_admin'),
	('client_module', 'pg_database_owner'), ('client_module', 'realtime_admin'),
	('combine_counts', 'pg_database_owner'), ('combine_counts', 'realtime_admin'),
	('combine_max', 'pg_database_owner'), ('combine_max', 'realtime_admin'),
	('combine_merge', 'pg_database_owner'), ('combine_merge', 'realtime_admin'),
	('combine_min', 'pg_database_owner'), ('combine_min', 'realtime_admin'),
	('combine_sum', 'pg_database_owner'), ('combine_sum', 'realtime_admin'),
	('connection_id', 'public'),
	('connection_notify', 'realtime_publisher'), ('connection_push', 'realtime_publisher'), ('connection_send', 'realtime_publisher'),
	('consume', 'realtime_publisher'),
	('context', 'public'),
	('count_value', 'pg_database_owner'), ('count_value', 'realtime_admin'),
	('counts', 'pg_database_owner'), ('counts', 'realtime_admin'),
	('cron', 'pg_database_owner'), ('cron', 'realtime_admin'),
	('cron_next', 'public'),
	('cursor', 'public'),
	('cursor_join', 'realtime_publisher'), ('cursor_leave', 'realtime_publisher'),
	('cursor_list', 'pg_database_owner'), ('cursor_list', 'realtime_admin'), ('cursor_list', 'realtime_publisher'),
	('cursor_remove', 'realtime_publisher'), ('cursor_update', 'realtime_publisher'), ('cursor_watch', 'realtime_publisher'),
	('debounce', 'realtime_publisher'),
	('declared_functions', 'pg_database_owner'), ('declared_functions', 'realtime_admin'),
	('declared_topic', 'pg_database_owner'), ('declared_topic', 'realtime_admin'),
	('derived', 'pg_database_owner'), ('derived', 'realtime_admin'),
	('derived_topic', 'pg_database_owner'), ('derived_topic', 'realtime_admin'),
	('devtools', 'pg_database_owner'), ('devtools', 'realtime_admin'),
	('devtools_gate', 'pg_database_owner'), ('devtools_gate', 'pg_monitor'), ('devtools_gate', 'realtime_admin'),
	('devtools_server', 'pg_database_owner'), ('devtools_server', 'pg_monitor'), ('devtools_server', 'realtime_admin'),
	('disconnect', 'realtime_publisher'),
	('drop', 'pg_database_owner'), ('drop', 'realtime_admin'),
	('drop_aggregate_window', 'pg_database_owner'), ('drop_aggregate_window', 'realtime_admin'),
	('drop_live_table', 'pg_database_owner'), ('drop_live_table', 'realtime_admin'),
	('effect', 'pg_database_owner'), ('effect', 'realtime_admin'),
	('enqueue', 'realtime_publisher'),
	('explain_query', 'pg_database_owner'), ('explain_query', 'realtime_admin'),
	('extend_job', 'realtime_publisher'),
	('fail_job', 'realtime_publisher'),
	('finish_job', 'realtime_publisher'),
	('group', 'pg_database_owner'), ('group', 'realtime_admin'),
	('group_close', 'realtime_publisher'),
	('group_count', 'pg_database_owner'), ('group_count', 'realtime_admin'), ('group_count', 'realtime_publisher'),
	('group_has', 'pg_database_owner'), ('group_has', 'realtime_admin'), ('group_has', 'realtime_publisher'),
	('group_join', 'realtime_publisher'), ('group_leave', 'realtime_publisher'),
	('group_members', 'pg_database_owner'), ('group_members', 'realtime_admin'), ('group_members', 'realtime_publisher'),
	('group_meta', 'pg_database_owner'), ('group_meta', 'realtime_admin'), ('group_meta', 'realtime_publisher'),
	('group_publish', 'realtime_publisher'), ('group_send', 'realtime_publisher'), ('group_set_meta', 'realtime_publisher'),
	('guard', 'pg_database_owner'), ('guard', 'realtime_admin'),
	('handle_frame', 'pg_database_owner'), ('handle_frame', 'realtime_admin'),
	('handle_webhook', 'pg_database_owner'), ('handle_webhook', 'realtime_admin'),
	('hmac_equals', 'public'),
	('hook', 'pg_database_owner'), ('hook', 'realtime_admin'),
	('idempotency_acquire', 'realtime_publisher'), ('idempotency_answer', 'realtime_publisher'),
	('invalidate', 'realtime_publisher'),
	('job_progress', 'public'), ('job_progress', 'realtime_publisher'),
	('job_state', 'public'),
	('keyset_page', 'public'),
	('limiter_ban', 'pg_database_owner'), ('limiter_ban', 'realtime_admin'),
	('limiter_clear', 'pg_database_owner'), ('limiter_clear', 'realtime_admin'),
	('limiter_reset', 'pg_database_owner'), ('limiter_reset', 'realtime_admin'),
	('limiter_unban', 'pg_database_owner'), ('limiter_unban', 'realtime_admin'),
	('live_table', 'pg_database_owner'), ('live_table', 'realtime_admin'),
	('live_table_arguments', 'pg_database_owner'), ('live_table_arguments', 'realtime_admin'),
	('live_table_changed', 'pg_database_owner'), ('live_table_changed', 'realtime_admin'),
	('load', 'pg_database_owner'), ('load', 'realtime_admin'),
	('lookup', 'pg_database_owner'), ('lookup', 'pg_monitor'), ('lookup', 'realtime_admin'),
	('mark_degraded', 'realtime_publisher'), ('mark_recovered', 'realtime_publisher'),
	('metrics', 'pg_database_owner'), ('metrics', 'pg_monitor'), ('metrics', 'realtime_admin'),
	('metrics_text', 'pg_database_owner'), ('metrics_text', 'pg_monitor'), ('metrics_text', 'realtime_admin'),
	('middleware', 'pg_database_owner'), ('middleware', 'realtime_admin'),
	('module_entries', 'pg_database_owner'), ('module_entries', 'realtime_admin'),
	('modules', 'pg_database_owner'), ('modules', 'realtime_admin'),
	('next', 'public'),
	('notify', 'realtime_publisher'),
	('pipe', 'pg_database_owner'), ('pipe', 'realtime_admin'),
	('pipe_filter', 'pg_database_owner'), ('pipe_filter', 'realtime_admin'),
	('pipe_join', 'pg_database_owner'), ('pipe_join', 'realtime_admin'),
	('pipe_limit', 'pg_database_owner'), ('pipe_limit', 'realtime_admin'),
	('pipe_sort', 'pg_database_owner'), ('pipe_sort', 'realtime_admin'),
	('presence', 'pg_database_owner'), ('presence', 'realtime_admin'), ('presence', 'realtime_publisher'),
	('presence_count', 'pg_database_owner'), ('presence_count', 'realtime_admin'), ('presence_count', 'realtime_publisher'),
	('presence_join', 'realtime_publisher'), ('presence_leave', 'realtime_publisher'), ('presence_update', 'realtime_publisher'),
	('presence_watch', 'realtime_publisher'),
	('publish', 'realtime_publisher'),
	('push', 'realtime_publisher'),
	('query', 'pg_database_owner'), ('query', 'realtime_admin'),
	('query_table_changed', 'pg_database_owner'), ('query_table_changed', 'realtime_admin'),
	('queue', 'pg_database_owner'), ('queue', 'realtime_admin'),
	('raise', 'public'),
	('rate_limits', 'pg_database_owner'), ('rate_limits', 'realtime_admin'),
	('recheck', 'realtime_publisher'),
	('redact', 'public'),
	('reducer', 'pg_database_owner'), ('reducer', 'realtime_admin'),
	('remote_address', 'public'),
	('replay', 'pg_database_owner'), ('replay', 'realtime_admin'), ('replay', 'realtime_publisher'),
	('request_id', 'public'),
	('retry_job', 'realtime_publisher'),
	('room', 'pg_database_owner'), ('room', 'realtime_admin'),
	('room_publish', 'realtime_publisher'),
	('room_topic', 'public'),
	('rpc', 'pg_database_owner'), ('rpc', 'realtime_admin'),
	('run_task', 'realtime_publisher'),
	('send', 'realtime_publisher'), ('send_coalesced', 'realtime_publisher'), ('send_to', 'realtime_publisher'),
	('seq', 'pg_database_owner'), ('seq', 'realtime_admin'), ('seq', 'realtime_publisher'),
	('service_state', 'pg_database_owner'), ('service_state', 'pg_monitor'), ('service_state', 'realtime_admin'),
	('set_context', 'public'),
	('set_cookie', 'public'),
	('shed', 'public'),
	('signal', 'realtime_publisher'),
	('stat_get_breakers', 'pg_database_owner'), ('stat_get_breakers', 'pg_monitor'), ('stat_get_breakers', 'realtime_admin'),
	('stat_get_computed', 'pg_database_owner'), ('stat_get_computed', 'realtime_admin'),
	('stat_get_connections', 'pg_database_owner'), ('stat_get_connections', 'pg_monitor'), ('stat_get_connections', 'realtime_admin'),
	('stat_get_cursor', 'pg_database_owner'), ('stat_get_cursor', 'pg_monitor'), ('stat_get_cursor', 'realtime_admin'),
	('stat_get_cursors', 'pg_database_owner'), ('stat_get_cursors', 'realtime_admin'), ('stat_get_cursors', 'realtime_publisher'),
	('stat_get_executor', 'pg_database_owner'), ('stat_get_executor', 'pg_monitor'), ('stat_get_executor', 'realtime_admin'),
	('stat_get_gateway', 'pg_database_owner'), ('stat_get_gateway', 'pg_monitor'), ('stat_get_gateway', 'realtime_admin'),
	('stat_get_handler', 'pg_database_owner'), ('stat_get_handler', 'pg_monitor'), ('stat_get_handler', 'realtime_admin'),
	('stat_get_jobs', 'pg_database_owner'), ('stat_get_jobs', 'pg_monitor'), ('stat_get_jobs', 'realtime_admin'),
	('stat_get_limits', 'pg_database_owner'), ('stat_get_limits', 'pg_monitor'), ('stat_get_limits', 'realtime_admin'),
	('stat_get_presence', 'pg_database_owner'), ('stat_get_presence', 'pg_monitor'), ('stat_get_presence', 'realtime_admin'),
	('stat_get_pressure', 'pg_database_owner'), ('stat_get_pressure', 'pg_monitor'), ('stat_get_pressure', 'realtime_admin'),
	('stat_get_query', 'pg_database_owner'), ('stat_get_query', 'pg_monitor'), ('stat_get_query', 'realtime_admin'),
	('stat_get_rate_limit', 'pg_database_owner'), ('stat_get_rate_limit', 'pg_monitor'), ('stat_get_rate_limit', 'realtime_admin'),
	('stat_get_scheduler', 'pg_database_owner'), ('stat_get_scheduler', 'pg_monitor'), ('stat_get_scheduler', 'realtime_admin'),
	('stat_get_timer', 'pg_database_owner'), ('stat_get_timer', 'pg_monitor'), ('stat_get_timer', 'realtime_admin'),
	('stat_get_topic', 'pg_database_owner'), ('stat_get_topic', 'pg_monitor'), ('stat_get_topic', 'realtime_admin'),
	('stat_reset_handler', 'pg_database_owner'), ('stat_reset_handler', 'realtime_admin'),
	('stream', 'pg_database_owner'), ('stream', 'realtime_admin'),
	('subscribers', 'pg_database_owner'), ('subscribers', 'realtime_admin'), ('subscribers', 'realtime_publisher'),
	('take_jobs', 'realtime_publisher'),
	('throttle', 'realtime_publisher'),
	('topic', 'pg_database_owner'), ('topic', 'realtime_admin'),
	('topic_example', 'public'),
	('topic_fault', 'public'),
	('topic_matches', 'public'),
	('topic_name', 'public'),
	('topic_piece', 'public'),
	('topic_version', 'public'),
	('typescript', 'pg_database_owner'), ('typescript', 'realtime_admin'),
	('unwatch_schema', 'pg_database_owner'), ('unwatch_schema', 'realtime_admin'),
	('upload', 'pg_database_owner'), ('upload', 'realtime_admin'),
	('upload_aborted', 'public'), ('upload_chunks', 'public'), ('upload_id', 'public'), ('upload_next', 'public'), ('upload_to_lo', 'public'),
	('user_data', 'public'),
	('user_id', 'public'),
	('verify_github', 'public'), ('verify_standard_webhook', 'public'), ('verify_stripe', 'public'),
	('watch_schema', 'pg_database_owner'), ('watch_schema', 'realtime_admin'),
	('webhook', 'pg_database_owner'), ('webhook', 'realtime_admin'), ('webhook_once', 'public'),
	('with_lock', 'realtime_publisher')
	$$, 'functions are granted to nobody else');
SELECT schema_privs_are('realtime', 'public', ARRAY['USAGE'], 'anybody may use the schema');
SELECT ok(pg_has_role('realtime_anonymous', 'realtime_publisher', 'USAGE'), 'anonymous calls may publish');
SELECT ok(pg_has_role('realtime_authenticated', 'realtime_publisher', 'USAGE'), 'authenticated calls may publish');
SELECT set_eq($$SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'realtime_executor'::regrole$$,
	ARRAY['realtime_anonymous', 'realtime_authenticated'], 'the executor''s role is a member of the roles of calls');
SELECT ok(NOT pg_has_role('realtime_executor', 'realtime_publisher', 'USAGE'), 'and inherits nothing');
SELECT ok(NOT rolsuper AND NOT rolcreaterole AND NOT rolcreatedb AND NOT rolbypassrls AND NOT rolreplication,
		format('role %s has no power', rolname))
	FROM pg_roles WHERE rolname ~ '^realtime_';
SELECT ok(rolcanlogin = (rolname = 'realtime_executor'), format('role %s: login', rolname))
	FROM pg_roles WHERE rolname ~ '^realtime_';
SELECT table_privs_are('realtime', t, 'realtime_publisher', '{}', 'publishers have no right on ' || t)
	FROM unnest(ARRAY['rpc_declaration', 'topic_declaration', 'stream_declaration', 'bridge_declaration', 'query_declaration', 'hook_declaration', 'admission_declaration', 'guard_declaration', 'breaker_declaration', 'middleware_declaration', 'rate_limit_declaration', 'cron_declaration', 'group_declaration', 'queue_declaration', 'webhook_declaration', 'job', 'job_finished', 'aggregate_declaration', 'aggregate_window_declaration', 'aggregate_value', 'aggregate_state', 'intake', 'effect_declaration', 'pipe_declaration', 'watched_schema']) t;
SELECT table_privs_are('realtime', t, 'realtime_admin', ARRAY['SELECT'], 'admins may read ' || t)
	FROM unnest(ARRAY['rpc_declaration', 'topic_declaration', 'stream_declaration', 'bridge_declaration', 'query_declaration', 'hook_declaration', 'admission_declaration', 'guard_declaration', 'breaker_declaration', 'middleware_declaration', 'rate_limit_declaration', 'cron_declaration', 'group_declaration', 'queue_declaration', 'webhook_declaration', 'job', 'job_finished', 'aggregate_declaration', 'aggregate_window_declaration', 'aggregate_value', 'aggregate_state', 'intake', 'effect_declaration', 'pipe_declaration', 'watched_schema']) t;

-- a dump carries the declarations
SELECT set_eq($$SELECT unnest(extconfig)::regclass::text FROM pg_extension WHERE extname = 'realtime'$$,
	ARRAY['realtime.rpc_declaration', 'realtime.topic_declaration', 'realtime.stream_declaration', 'realtime.bridge_declaration', 'realtime.query_declaration', 'realtime.hook_declaration', 'realtime.admission_declaration', 'realtime.guard_declaration', 'realtime.breaker_declaration', 'realtime.middleware_declaration', 'realtime.rate_limit_declaration', 'realtime.cron_declaration', 'realtime.group_declaration', 'realtime.queue_declaration', 'realtime.webhook_declaration',
	'realtime.aggregate_declaration', 'realtime.aggregate_window_declaration', 'realtime.aggregate_value', 'realtime.aggregate_state', 'realtime.intake', 'realtime.intake_id', 'realtime.effect_declaration', 'realtime.pipe_declaration', 'realtime.watched_schema',
	'realtime.replay_epoch', 'realtime.idempotency', 'realtime.job', 'realtime.job_id_seq', 'realtime.job_finished'],
	'tables of declarations, what aggregates have come to, the epoch, kept answers and jobs are dumped');
-- no column keeps pg_upgrade from working
SELECT is(count(*)::integer, 0, 'no table has a column that holds the OID of a function')
	FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
	WHERE relnamespace = 'realtime'::regnamespace AND relkind = 'r' AND relname ~ '_declaration$'
		AND atttypid IN ('regproc'::regtype, 'regprocedure'::regtype, 'oid'::regtype) AND attnum > 0;

-- hooks
SELECT columns_are('realtime', 'hook_declaration', ARRAY['name', 'function']);
SELECT col_is_pk('realtime', 'hook_declaration', 'name', 'a hook is declared once');

-- guards of modules
SELECT columns_are('realtime', 'guard_declaration', ARRAY['module', 'guards', 'authenticated']);
SELECT columns_are('realtime', 'middleware_declaration', ARRAY['name', 'function', 'place']);
SELECT col_is_pk('realtime', 'guard_declaration', 'module', 'a module is declared once');

-- bridges
SELECT has_function('realtime', 'bridge', ARRAY['text', 'text', 'text', 'regprocedure', 'text']);
SELECT function_returns('realtime'::name, 'bridge'::name, 'void');
SELECT columns_are('realtime', 'bridge_declaration', ARRAY['channel', 'topic', 'event', 'parse', 'invalidate']);
SELECT col_is_pk('realtime', 'bridge_declaration', 'channel', 'a channel is declared once');
SELECT columns_are('realtime', 'query_declaration', ARRAY['path', 'id', 'sql', 'loader', 'key', 'parameters', 'depends_on', 'stale_after',
	'debounce', 'max_rows', 'access', 'guards', 'transform', 'on_subscribe', 'on_unsubscribe', 'on_error', 'max', 'prepend', 'class_of_service']);
SELECT col_is_pk('realtime', 'query_declaration', 'path', 'a query''s path is declared once');

-- statistics
SELECT columns_are('realtime', 'stat_gateway', ARRAY['number', 'pid', 'state', 'started_at', 'listening', 'listen_error', 'connections', 'subscriptions',
	'accepted', 'refused', 'frames_in', 'frames_ignored', 'calls', 'overloaded', 'deliveries', 'dropped', 'markers', 'repairs',
	'remembered', 'ring_overruns', 'bytes_out', 'memory', 'stalled',
	'in_flight', 'waiting']);
SELECT columns_are('realtime', 'stat_executor', ARRAY['number', 'pid', 'state', 'started_at', 'calls', 'errors', 'retries', 'flushes', 'replayed', 'bridged',
	'unchanged', 'differences', 'loaded']);
SELECT columns_are('realtime', 'stat_scheduler', ARRAY['pid', 'state', 'started_at', 'bridges', 'notifications', 'waiting', 'skipped',
	'failed', 'dropped', 'passes', 'trimmed', 'errors', 'in_flight']);
SELECT columns_are('realtime', 'stat_timer', ARRAY['active', 'waiting', 'published', 'failed', 'overflowed', 'last_overflow']);
SELECT columns_are('realtime', 'topic_patterns', ARRAY['template', 'class', 'source', 'declaration', 'subscribers']);
SELECT is(count(*)::integer, 1, 'one row for the scheduler') FROM realtime.stat_scheduler;
SELECT is(count(*)::integer, current_setting('realtime.gateways')::integer, 'one row for each gateway') FROM realtime.stat_gateway;
SELECT is(count(*)::integer, current_setting('realtime.executors')::integer, 'one row for each executor that must be there') FROM realtime.stat_executor WHERE number < current_setting('realtime.executors')::integer;
SELECT ok(state IN ('absent', 'starting', 'running') AND (pid IS NOT NULL) = (state = 'running'),
	format('executor %s has a state', number)) FROM realtime.stat_executor;
SELECT isnt(realtime.service_state(), NULL, 'the service has a state');

-- outside of a call
SELECT is(realtime.user_id(), NULL, 'no user_id outside of a call');
SELECT is(realtime.user_data(), NULL, 'no user_data outside of a call');
SELECT is(realtime.remote_address(), NULL, 'no remote_address outside of a call');
SELECT is(realtime.connection_id(), NULL, 'no connection_id outside of a call');
SELECT is(realtime.request_id(), NULL, 'no request_id outside of a call');
SELECT is(realtime.cursor(), NULL, 'no cursor outside of a call');

-- publish
SELECT lives_ok($$SELECT realtime.publish('t', 'e')$$, 'data has a default');
SELECT lives_ok($$SELECT realtime.publish(ARRAY[('t', 'e', '1')]::realtime.envelope[])$$, 'several at once');
SELECT throws_ok($$SELECT realtime.publish('__x', 'e')$$, 'RT430', NULL, 'a reserved topic is refused');
SELECT throws_ok($$SELECT realtime.publish('t', 'created')$$, '22023', NULL, 'data that clients cannot merge is refused');
SELECT throws_ok($$SELECT realtime.publish('t', 'e', '{"reqId": 1}')$$, '22023', NULL, 'so is a member reqId');

-- throttle and debounce
SELECT lives_ok($$SELECT realtime.throttle(topic => 't', event => 'e', data => '1', every => '1 s')$$, 'named parameters');
SELECT lives_ok($$SELECT realtime.debounce(topic => 't', event => 'e', data => '1', after => '1 s')$$, 'named parameters');

SELECT * FROM finish();
ROLLBACK;

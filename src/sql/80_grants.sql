--
-- Rights.  Nothing is left to PUBLIC by default.
--
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA realtime FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA realtime FROM PUBLIC;
REVOKE ALL ON TYPE realtime.envelope, realtime.message, realtime.reducer FROM PUBLIC;

-- A handler runs as any role, and row-level security policies run as the role
-- that reads: both must be able to ask who is calling.
GRANT USAGE ON SCHEMA realtime TO PUBLIC;
GRANT EXECUTE ON FUNCTION
	realtime.user_id(),
	realtime.user_data(),
	realtime.connection_id(),
	realtime.remote_address(),
	realtime.request_id(),
	realtime.cursor(),
	realtime.hmac_equals(bytea, bytea, bytea, text),
	realtime.verify_standard_webhook(bytea, jsonb, text, interval),
	realtime.verify_stripe(bytea, jsonb, text, interval),
	realtime.verify_github(bytea, jsonb, text),
	realtime.webhook_once(text, interval),
	realtime.upload_next(),
	realtime.upload_chunks(),
	realtime.upload_id(),
	realtime.upload_aborted(),
	realtime.upload_to_lo(),
	realtime.cron_next(text, timestamptz, text),
	realtime.topic_version(),
	realtime.room_topic(),
	realtime.keyset_page(text, text, integer, boolean),
	realtime.shed(text),
	realtime.job_progress(jsonb),
	realtime.job_state(bigint),
	realtime.context(text),
	realtime.next(),
	realtime.set_context(text, jsonb),
	realtime.access_owner(),
	realtime.access_owner(name),
	realtime.access_team(),
	realtime.access_role(jsonb),
	realtime.access_role(jsonb, name),
	realtime.access_pg_role(name),
	realtime.access_org(text),
	realtime.access_org(text, name),
	realtime.access_user(text),
	realtime.access_user(text, name),
	realtime.access_any(boolean[]),
	realtime.access_all(boolean[]),
	realtime.raise(text, text, jsonb),
	realtime.redact(jsonb, text[], integer),
	realtime.set_cookie(text, text, interval, text, text, boolean, boolean, text),
	realtime.topic_name(text, text[]),
	realtime.topic_piece(text),
	realtime.topic_matches(text, text),
	realtime.topic_example(text),
	realtime.topic_fault(text)
	TO PUBLIC;

-- Whoever decides about the database decides what the world may call there.
-- The declaring functions write the tables as their owner.
GRANT EXECUTE ON FUNCTION
	realtime.rpc(text, regprocedure, regprocedure[], interval, boolean, integer, interval, regprocedure, interval, regprocedure, interval, text, boolean, text, jsonb, boolean),
	realtime.binary(text, regprocedure, integer, regprocedure[], interval, boolean, integer, interval, regprocedure, interval, regprocedure, interval, text, boolean, text, jsonb),
	realtime.upload(text, regprocedure, bigint, integer, integer, bigint, regprocedure[], interval, boolean, integer, interval, regprocedure, interval, regprocedure, interval, text, boolean, text, jsonb),
	realtime.topic(text, text, regprocedure, boolean, integer, interval),
	realtime.channel(text, text, text, text, boolean, integer, boolean, integer, interval, boolean, regprocedure, regprocedure[], text, regprocedure, regprocedure, regprocedure, regprocedure, regprocedure, text, regprocedure),
	realtime.query(text, text, regprocedure, text, regtype[], regclass[], interval, interval, integer, regprocedure, regprocedure[], regprocedure, regprocedure, regprocedure, regprocedure, integer, boolean, text),
	realtime.explain_query(text),
	realtime.stream(text, text, regprocedure, text, text, boolean, integer, boolean, integer, interval, boolean, text, regprocedure, regprocedure, regprocedure[], regprocedure, regprocedure, regprocedure, regprocedure, integer, regprocedure[], interval, text[], regprocedure, regprocedure, regprocedure, text, boolean, regprocedure, text, jsonb, regprocedure, interval),
	realtime.room(text, text, regprocedure, regprocedure, boolean, regprocedure[], regprocedure[], text, text, boolean, integer, boolean, integer, interval, boolean, text, regprocedure, regprocedure, regprocedure, regprocedure, regprocedure, regprocedure, integer, regprocedure[], interval, text[], regprocedure, regprocedure, regprocedure, text, boolean, regprocedure, text, jsonb),
	realtime.pipe(text, realtime.pipe_step[]),
	realtime.pipe_filter(regprocedure, boolean),
	realtime.pipe_sort(text, text),
	realtime.pipe_limit(integer),
	realtime.pipe_join(text, regprocedure, text, boolean),
	realtime.bridge(text, text, text, regprocedure, text),
	realtime.hook(text, regprocedure),
	realtime.admission(text, text[], regprocedure),
	realtime.breaker(text, integer, interval),
	realtime.guard(text, regprocedure[], boolean),
	realtime.middleware(text, regprocedure, integer),
	realtime.group(text, integer, jsonb, interval, regprocedure, regprocedure, regprocedure, regprocedure),
	realtime.rate_limits(text, integer, interval, boolean),
	realtime.limiter_ban(text, text, interval),
	realtime.limiter_unban(text, text),
	realtime.limiter_reset(text, text),
	realtime.limiter_clear(text),
	realtime.cron(text, text, regprocedure, text, text, text, interval, boolean),
	realtime.alter_cron(text, text, regprocedure, text, text, text, interval, boolean),
	realtime.queue(text, regprocedure, integer, interval, interval, double precision, interval, interval, integer, integer, interval, interval, text, boolean, integer),
	realtime.aggregate(text, text, text, realtime.reducer[]),
	realtime.aggregate(text, text, realtime.reducer[], text, regprocedure, regprocedure[], regprocedure, text),
	realtime.reducer(text, regprocedure, text),
	realtime.reducer(text, text, text),
	realtime.aggregate_window(text, text, text, text, text, interval, timestamptz, interval),
	realtime.drop_aggregate_window(text, text),
	realtime.combine_sum(jsonb, jsonb),
	realtime.combine_max(jsonb, jsonb),
	realtime.combine_min(jsonb, jsonb),
	realtime.combine_counts(jsonb, jsonb),
	realtime.combine_merge(jsonb, jsonb),
	realtime.count_value(jsonb, text),
	realtime.counts(text),
	realtime.effect(text, text[], regprocedure, boolean, text),
	realtime.derived(text, text[], regprocedure, text, interval, text, text, boolean, regprocedure, regprocedure, regprocedure[], regprocedure, interval, regprocedure, regprocedure, regprocedure, text, text, jsonb),
	realtime.derived_topic(text, regprocedure),
	realtime.watch_schema(regnamespace, text),
	realtime.unwatch_schema(regnamespace),
	realtime.webhook(text, text, regprocedure, regprocedure, integer),
	realtime.handle_webhook(text, bytea, jsonb),
	realtime.drop(text)
	TO pg_database_owner, realtime_admin;
GRANT SELECT ON realtime.rpc_declaration, realtime.topic_declaration,
	realtime.stream_declaration, realtime.bridge_declaration, realtime.query_declaration,
	realtime.hook_declaration, realtime.admission_declaration,
	realtime.guard_declaration, realtime.breaker_declaration,
	realtime.middleware_declaration, realtime.rate_limit_declaration,
	realtime.cron_declaration, realtime.cron_state, realtime.cron_run, realtime.cron_jobs,
	realtime.group_declaration, realtime.webhook_declaration,
	realtime.queue_declaration, realtime.job, realtime.job_finished, realtime.jobs,
	realtime.aggregate_declaration, realtime.aggregate_window_declaration,
	realtime.aggregate_value, realtime.aggregate_state, realtime.aggregates, realtime.intake,
	realtime.effect_declaration, realtime.pipe_declaration, realtime.watched_schema
	TO pg_database_owner, realtime_admin;
GRANT USAGE ON TYPE realtime.reducer, realtime.pipe_step TO pg_database_owner, realtime_admin;
GRANT EXECUTE ON FUNCTION realtime.clear_replay(text)
	TO pg_database_owner, realtime_admin;
GRANT SELECT ON realtime.replay_message, realtime.replay_epoch, realtime.trace, realtime.error_log
	TO pg_database_owner, realtime_admin;

-- Likewise, but only for tables of one's own: the triggers are made by the user.
GRANT EXECUTE ON FUNCTION
	realtime.live_table(regclass, text, text, name[], boolean),
	realtime.drop_live_table(regclass),
	realtime.live_table_changed(),
	realtime.query_table_changed(),
	realtime.live_table_arguments(bytea)
	TO pg_database_owner, realtime_admin;
GRANT SELECT ON realtime.live_tables
	TO pg_database_owner, realtime_admin;

-- They also find out what is wrong; realtime.check() runs with their rights.
GRANT EXECUTE ON FUNCTION
	realtime.check(),
	realtime.declared_topic(text),
	realtime.declared_functions()
	TO pg_database_owner, realtime_admin;
GRANT SELECT ON realtime.topic_patterns
	TO pg_database_owner, realtime_admin;

-- What is declared, as modules of JavaScript and their types.
GRANT EXECUTE ON FUNCTION
	realtime.entry_kind(),
	realtime.module_entries(),
	realtime.entry_topic_arguments(text),
	realtime.entry_exports(text),
	realtime.modules(),
	realtime.client_module(text, text),
	realtime.entry_function_columns(regprocedure),
	realtime.entry_query_columns(text),
	realtime.typescript_is_required(oid),
	realtime.typescript_name(text),
	realtime.typescript_names(oid[]),
	realtime.typescript_type(oid, jsonb, boolean),
	realtime.typescript_or_null(text, boolean),
	realtime.typescript_comment(text, text),
	realtime.typescript_key(text),
	realtime.typescript_named(oid, jsonb),
	realtime.entry_arguments(oid, oid[], text[], boolean),
	realtime.typescript_arguments(oid, oid[], text[], boolean, jsonb),
	realtime.entry_result(oid, text),
	realtime.typescript_value(realtime.module_entry, oid, boolean, boolean, text, jsonb),
	realtime.typescript_row(text, text[], oid[], boolean[], jsonb),
	realtime.typescript_module(text, text),
	realtime.typescript(text, text)
	TO pg_database_owner, realtime_admin;

-- Whoever may say who somebody is; roles that they cannot become stay closed.
GRANT EXECUTE ON FUNCTION
	realtime.load(text, jsonb, jsonb),
	realtime.call(text, jsonb, jsonb),
	realtime.handle_frame(text, text)
	TO pg_database_owner, realtime_admin;

-- What is published goes to all subscribers, and orders are about anybody, so
-- not everybody may.
GRANT EXECUTE ON FUNCTION
	realtime.disconnect(text, text, integer, text),
	realtime.recheck(text, text),
	realtime.publish(text, text, jsonb),
	realtime.publish(realtime.envelope[]),
	realtime.invalidate(text),
	realtime.signal(text, text, jsonb),
	realtime.notify(text, text, jsonb),
	realtime.send(text, text, text, jsonb),
	realtime.send_coalesced(text, text, text, text, jsonb),
	realtime.send_to(jsonb, text, text, jsonb),
	realtime.push(text, text, jsonb, interval),
	realtime.connection_send(text, text, text, jsonb),
	realtime.connection_notify(text, text, jsonb),
	realtime.connection_push(text, text, jsonb, interval),
	realtime.presence_join(text, jsonb),
	realtime.presence_update(text, jsonb),
	realtime.presence_watch(text),
	realtime.room_publish(text, jsonb),
	realtime.presence_leave(text),
	realtime.cursor_join(text, jsonb),
	realtime.cursor_watch(text),
	realtime.cursor_leave(text),
	realtime.cursor_update(text, jsonb),
	realtime.cursor_remove(text),
	realtime.group_join(text, text),
	realtime.group_leave(text),
	realtime.group_publish(text, text, jsonb, text),
	realtime.group_send(text, text, text, jsonb),
	realtime.group_close(text, text),
	realtime.group_set_meta(text, jsonb),
	realtime.assert(boolean, text, jsonb),
	realtime.mark_degraded(text, text),
	realtime.mark_recovered(text),
	realtime.enqueue(text, jsonb, timestamptz, integer, text, integer, text),
	realtime.run_task(text, jsonb, interval),
	realtime.cancel_job(bigint),
	realtime.retry_job(bigint),
	realtime.take_jobs(text, integer, interval),
	realtime.finish_job(bigint, jsonb, integer),
	realtime.fail_job(bigint, text, integer, timestamptz),
	realtime.extend_job(bigint, interval, integer),
	realtime.job_progress(bigint, jsonb, integer),
	realtime.throttle(text, text, jsonb, interval),
	realtime.debounce(text, text, jsonb, interval),
	realtime.consume(text, integer, interval, text, integer, interval),
	realtime.with_lock(text, regprocedure, jsonb, interval),
	realtime.idempotency_acquire(text, text, interval),
	realtime.idempotency_answer(text, text, jsonb)
	TO realtime_publisher;
GRANT USAGE ON TYPE realtime.envelope, realtime.message TO realtime_publisher;

-- These ask nobody who may see a topic.
GRANT EXECUTE ON FUNCTION
	realtime.replay(text, bigint),
	realtime.seq(text),
	realtime.presence(text),
	realtime.presence_count(text),
	realtime.stat_get_cursors(text),
	realtime.cursor_list(text),
	realtime.group_members(text),
	realtime.group_count(text),
	realtime.group_has(text, text),
	realtime.group_meta(text),
	realtime.subscribers(text)
	TO realtime_publisher, pg_database_owner, realtime_admin;

-- Statistics: to those who see PostgreSQL's own, and to those who declare.
GRANT SELECT ON realtime.stat_gateway, realtime.stat_executor,
	realtime.stat_scheduler, realtime.stat_timer, realtime.stat_query, realtime.pressure,
	realtime.stat_rate_limit, realtime.stat_handler, realtime.stat_queue, realtime.connections, realtime.stat_presence, realtime.stat_cursor, realtime.breakers, realtime.stat_topic,
	realtime.limits
	TO pg_monitor, pg_database_owner, realtime_admin;
GRANT EXECUTE ON FUNCTION
	realtime.stat_get_gateway(),
	realtime.stat_get_executor(),
	realtime.stat_get_scheduler(),
	realtime.stat_get_timer(),
	realtime.stat_get_query(),
	realtime.stat_get_pressure(),
	realtime.stat_get_rate_limit(),
	realtime.stat_get_limits(),
	realtime.stat_get_handler(),
	realtime.stat_get_connections(),
	realtime.stat_get_presence(),
	realtime.stat_get_topic(),
	realtime.stat_get_cursor(),
	realtime.stat_get_jobs(),
	realtime.lookup(text),
	realtime.stat_get_breakers(),
	realtime.metrics(),
	realtime.metrics_text(boolean),
	realtime.assertion_counters(),
	realtime.service_state(),
	realtime.devtools_gate(),
	realtime.devtools_server()
	TO pg_monitor, pg_database_owner, realtime_admin;
GRANT EXECUTE ON FUNCTION realtime.devtools(boolean)
	TO pg_database_owner, realtime_admin;
-- Messages of errors may have what others have sent.
GRANT SELECT ON realtime.stat_computed TO pg_database_owner, realtime_admin;
GRANT EXECUTE ON FUNCTION realtime.stat_get_computed() TO pg_database_owner, realtime_admin;
GRANT EXECUTE ON FUNCTION realtime.stat_reset_handler(text)
	TO pg_database_owner, realtime_admin;

-- Memberships belong to the server like the roles.  Handlers publish; and an
-- executor can run calls as those roles only that its own is a member of.  It
-- does not inherit, so being a member gives it nothing outside of a call.
DO $$
DECLARE
	membership record;
BEGIN
	FOR membership IN
		SELECT *
		FROM (VALUES
			('realtime_publisher', 'realtime_anonymous'),
			('realtime_publisher', 'realtime_authenticated'),
			('realtime_anonymous', 'realtime_executor'),
			('realtime_authenticated', 'realtime_executor')
		) AS memberships (role, member)
	LOOP
		IF NOT pg_catalog.pg_has_role(membership.member, membership.role, 'MEMBER') THEN
			EXECUTE pg_catalog.format('GRANT %I TO %I', membership.role, membership.member);
		END IF;
	END LOOP;
END
$$;


/*
 * declaration_table.c
 *		The tables of declarations as src/sql creates them.
 */
#include "postgres.h"

#include "src/catalog/declaration.h"
#include "src/catalog/declaration_table.h"

static const RtFunctionColumn rpc_functions[] = {
	{Anum_rpc_handler, "handler", "handler", false},
	{Anum_rpc_guards, "guards", "guard", true},
	{Anum_rpc_idempotency_key, "idempotency_key", "idempotency key", false},
	{Anum_rpc_lock_key, "lock_key", "lock key", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn topic_functions[] = {
	{Anum_topic_access, "access", "access function", false},
	{0, NULL, NULL, false}
};

/* coalesce_by may name a member instead, which is no signature. */
const RtFunctionColumn rt_stream_function_columns[] = {
	[RT_STREAM_LOADER] = {Anum_stream_loader, "loader", "loader", false},
	[RT_STREAM_COALESCE_BY] = {Anum_stream_coalesce_by, "coalesce_by", "coalesce_by function", false},
	[RT_STREAM_ACCESS] = {Anum_stream_access, "access", "access function", false},
	[RT_STREAM_GATE] = {Anum_stream_gate, "gate", "gate", false},
	[RT_STREAM_TRANSFORM] = {Anum_stream_transform, "transform", "transform", false},
	[RT_STREAM_DELTA_VERSION] = {Anum_stream_delta_version, "delta_version", "delta_version function", false},
	[RT_STREAM_DELTA_DIFF] = {Anum_stream_delta_diff, "delta_diff", "delta_diff function", false},
	[RT_STREAM_DELTA_FROM_SEQ] = {Anum_stream_delta_from_seq, "delta_from_seq", "delta_from_seq function", false},
	[RT_STREAM_ON_SUBSCRIBE] = {Anum_stream_on_subscribe, "on_subscribe", "on_subscribe function", false},
	[RT_STREAM_ON_UNSUBSCRIBE] = {Anum_stream_on_unsubscribe, "on_unsubscribe", "on_unsubscribe function", false},
	[RT_STREAM_ON_ERROR] = {Anum_stream_on_error, "on_error", "on_error function", false},
	[RT_STREAM_TOPIC_BY] = {Anum_stream_topic_by, "topic_by", "topic_by function", false},
	[RT_STREAM_PRESENCE] = {Anum_stream_presence, "presence", "presence function", false},
	[RT_STREAM_FUNCTIONS] = {Anum_stream_guards, "guards", "guard", true},
	{Anum_stream_migrate, "migrate", "step of migration", true},
	{Anum_stream_actions, "actions", "action", true},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn bridge_functions[] = {
	{Anum_bridge_parse, "parse", "parse function", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn query_functions[] = {
	{Anum_query_loader, "loader", "loader", false},
	{Anum_query_access, "access", "access function", false},
	{Anum_query_guards, "guards", "guard", true},
	{Anum_query_transform, "transform", "transform", false},
	{Anum_query_on_subscribe, "on_subscribe", "on_subscribe function", false},
	{Anum_query_on_unsubscribe, "on_unsubscribe", "on_unsubscribe function", false},
	{Anum_query_on_error, "on_error", "on_error function", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn hook_functions[] = {
	{Anum_hook_function, "function", "function", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn admission_functions[] = {
	{Anum_admission_predicate, "predicate", "predicate", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn no_functions[] = {
	{0, NULL, NULL, false}
};

static const RtFunctionColumn cron_functions[] = {
	{Anum_cron_handler, "handler", "handler", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn webhook_functions[] = {
	{Anum_webhook_verify, "verify", "verify function", false},
	{Anum_webhook_transform, "transform", "transform", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn queue_functions[] = {
	{Anum_queue_handler, "handler", "handler", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn guard_functions[] = {
	{Anum_guard_guards, "guards", "guard", true},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn middleware_functions[] = {
	{Anum_middleware_function, "function", "function", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn club_functions[] = {
	{Anum_club_on_join, "on_join", "on_join function", false},
	{Anum_club_on_leave, "on_leave", "on_leave function", false},
	{Anum_club_on_full, "on_full", "on_full function", false},
	{Anum_club_on_close, "on_close", "on_close function", false},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn effect_functions[] = {
	{Anum_effect_handler, "handler", "handler", false},
	{0, NULL, NULL, false}
};

/* "" for steps that have none, which is no signature. */
static const RtFunctionColumn pipe_functions[] = {
	{Anum_pipe_functions, "functions", "step", true},
	{0, NULL, NULL, false}
};

static const RtFunctionColumn aggregate_functions[] = {
	{Anum_aggregate_aggregates, "aggregates", "aggregate", true},
	{Anum_aggregate_access, "access", "access function", false},
	{Anum_aggregate_guards, "guards", "guard", true},
	{Anum_aggregate_snapshot, "snapshot", "snapshot function", false},
	{0, NULL, NULL, false}
};

const int	rt_query_function_columns[RT_STREAM_FUNCTIONS] = {
	[RT_STREAM_LOADER] = Anum_query_loader,
	[RT_STREAM_ACCESS] = Anum_query_access,
	[RT_STREAM_TRANSFORM] = Anum_query_transform,
	[RT_STREAM_ON_SUBSCRIBE] = Anum_query_on_subscribe,
	[RT_STREAM_ON_UNSUBSCRIBE] = Anum_query_on_unsubscribe,
	[RT_STREAM_ON_ERROR] = Anum_query_on_error
};

const RtDeclarationTable rt_declaration_tables[RT_DECLARATION_TABLES] = {
	{RT_RPC_TABLE, "rpc", "path", Natts_rpc, rpc_functions, true},
	{RT_TOPIC_TABLE, "topic", "template", Natts_topic, topic_functions, true},
	{RT_STREAM_TABLE, "stream", "path", Natts_stream, rt_stream_function_columns, true},
	{RT_BRIDGE_TABLE, "bridge", "channel", Natts_bridge, bridge_functions, true},
	{RT_QUERY_TABLE, "query", "path", Natts_query, query_functions, true},
	{RT_HOOK_TABLE, "hook", "name", Natts_hook, hook_functions, false},
	{RT_ADMISSION_TABLE, "class", "class", Natts_admission, admission_functions, false},
	{RT_GUARD_TABLE, "module", "module", Natts_guard, guard_functions, false},
	{RT_BREAKER_TABLE, "breaker", "name", Natts_breaker, no_functions, false},
	{RT_MIDDLEWARE_TABLE, "middleware", "name", Natts_middleware, middleware_functions, false},
	{RT_RATE_TABLE, "rate limit", "path", Natts_rate, no_functions, false},
	{RT_CRON_TABLE, "cron", "path", Natts_cron, cron_functions, true},
	{RT_CLUB_TABLE, "group", "name", Natts_club, club_functions, true},
	{RT_QUEUE_TABLE, "queue", "name", Natts_queue, queue_functions, true},
	{RT_AGGREGATE_TABLE, "aggregate", "path", Natts_aggregate, aggregate_functions, true},
	{RT_WINDOW_TABLE, "window", "path", Natts_window, no_functions, true},
	{RT_EFFECT_TABLE, "effect", "path", Natts_effect, effect_functions, true},
	{RT_WEBHOOK_TABLE, "webhook", "path", Natts_webhook, webhook_functions, true},
	{RT_PIPE_TABLE, "pipe", "path", Natts_pipe, pipe_functions, true}
};

const RtDeclarationTable *
rt_declaration_table(const char *name)
{
	for (int i = 0; i < RT_DECLARATION_TABLES; i++)
	{
		if (strcmp(rt_declaration_tables[i].name, name) == 0)
			return &rt_declaration_tables[i];
	}
	return NULL;
}

const RtDeclarationTable *
rt_declaration_table_of(const char *kind)
{
	if (strcmp(kind, "channel") == 0 || strcmp(kind, "room") == 0)
		kind = "stream";
	for (int i = 0; i < RT_DECLARATION_TABLES; i++)
	{
		if (strcmp(rt_declaration_tables[i].kind, kind) == 0)
			return &rt_declaration_tables[i];
	}
	return NULL;
}

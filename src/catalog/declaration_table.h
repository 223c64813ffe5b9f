/*
 * declaration_table.h
 *		The tables of declarations as src/sql creates them.
 *
 * Columns keep their numbers; new ones are added behind the last.
 */
#ifndef RT_CATALOG_DECLARATION_TABLE_H
#define RT_CATALOG_DECLARATION_TABLE_H

#include "src/compat.h"

#define RT_SCHEMA "realtime"
#define RT_EXTENSION "realtime"

#define RT_RPC_TABLE "rpc_declaration"
enum
{
	Anum_rpc_path = 1,
	Anum_rpc_handler,
	Anum_rpc_guards,
	Anum_rpc_timeout,
	Anum_rpc_read_only,
	Anum_rpc_rate_limit,
	Anum_rpc_rate_window,
	Anum_rpc_idempotency_key,
	Anum_rpc_idempotency_ttl,
	Anum_rpc_lock_key,
	Anum_rpc_lock_wait,
	Anum_rpc_class_of_service,
	Anum_rpc_idempotent,
	Anum_rpc_breaker,
	Anum_rpc_fallback,
	Anum_rpc_kind,
	Anum_rpc_max_size,
	Anum_rpc_max_per_session,
	Anum_rpc_max_total,
	Anum_rpc_reauth_every,
	Anum_rpc_share_result,
	Natts_rpc = Anum_rpc_share_result
};

#define RT_TOPIC_TABLE "topic_declaration"
enum
{
	Anum_topic_template = 1,
	Anum_topic_class,
	Anum_topic_open,
	Anum_topic_access,
	Anum_topic_replay_size,
	Anum_topic_replay_ttl,
	Natts_topic = Anum_topic_replay_ttl
};

#define RT_STREAM_TABLE "stream_declaration"
enum
{
	Anum_stream_path = 1,
	Anum_stream_topic,
	Anum_stream_loader,
	Anum_stream_merge,
	Anum_stream_key,
	Anum_stream_prepend,
	Anum_stream_max,
	Anum_stream_replay,
	Anum_stream_replay_size,
	Anum_stream_replay_ttl,
	Anum_stream_volatile,
	Anum_stream_coalesce_by,
	Anum_stream_access,
	Anum_stream_gate,
	Anum_stream_guards,
	Anum_stream_transform,
	Anum_stream_delta_version,
	Anum_stream_delta_diff,
	Anum_stream_delta_from_seq,
	Anum_stream_schema_version,
	Anum_stream_migrate,
	Anum_stream_stale_after,
	Anum_stream_invalidate_on,
	Anum_stream_on_subscribe,
	Anum_stream_on_unsubscribe,
	Anum_stream_on_error,
	Anum_stream_class_of_service,
	Anum_stream_shared,
	Anum_stream_topic_by,
	Anum_stream_breaker,
	Anum_stream_fallback,
	Anum_stream_presence,
	Anum_stream_is_room,
	Anum_stream_cursors,
	Anum_stream_actions,
	Anum_stream_debounce,
	Natts_stream = Anum_stream_debounce
};

/* No declarations, but found with them; columns: src/catalog/message_store.h. */
#define RT_MESSAGE_TABLE "replay_message"
#define RT_EPOCH_TABLE "replay_epoch"

#define RT_BRIDGE_TABLE "bridge_declaration"
enum
{
	Anum_bridge_channel = 1,
	Anum_bridge_topic,
	Anum_bridge_event,
	Anum_bridge_parse,
	Anum_bridge_invalidate,
	Natts_bridge = Anum_bridge_invalidate
};

#define RT_QUERY_TABLE "query_declaration"
enum
{
	Anum_query_path = 1,
	Anum_query_id,
	Anum_query_sql,
	Anum_query_loader,
	Anum_query_key,
	Anum_query_parameters,
	Anum_query_depends_on,
	Anum_query_stale_after,
	Anum_query_debounce,
	Anum_query_max_rows,
	Anum_query_access,
	Anum_query_guards,
	Anum_query_transform,
	Anum_query_on_subscribe,
	Anum_query_on_unsubscribe,
	Anum_query_on_error,
	Anum_query_max,
	Anum_query_prepend,
	Anum_query_class_of_service,
	Natts_query = Anum_query_class_of_service
};

#define RT_CRON_TABLE "cron_declaration"
enum
{
	Anum_cron_path = 1,
	Anum_cron_schedule,
	Anum_cron_handler,
	Anum_cron_topic,
	Anum_cron_time_zone,
	Anum_cron_missed,
	Anum_cron_timeout,
	Anum_cron_active,
	Anum_cron_owner,
	Natts_cron = Anum_cron_owner
};

#define RT_QUEUE_TABLE "queue_declaration"
enum
{
	Anum_queue_name = 1,
	Anum_queue_handler,
	Anum_queue_max_attempts,
	Anum_queue_backoff,
	Anum_queue_max_backoff,
	Anum_queue_jitter,
	Anum_queue_timeout,
	Anum_queue_visibility,
	Anum_queue_concurrency,
	Anum_queue_priority,
	Anum_queue_retention,
	Anum_queue_dead_retention,
	Anum_queue_topic,
	Anum_queue_active,
	Anum_queue_max_size,
	Anum_queue_owner,
	Natts_queue = Anum_queue_owner
};

#define RT_HOOK_TABLE "hook_declaration"
enum
{
	Anum_hook_name = 1,
	Anum_hook_function,
	Natts_hook = Anum_hook_function
};

#define RT_ADMISSION_TABLE "admission_declaration"
enum
{
	Anum_admission_class = 1,
	Anum_admission_reasons,
	Anum_admission_predicate,
	Natts_admission = Anum_admission_predicate
};

#define RT_GUARD_TABLE "guard_declaration"
enum
{
	Anum_guard_module = 1,
	Anum_guard_guards,
	Anum_guard_authenticated,
	Natts_guard = Anum_guard_authenticated
};

#define RT_BREAKER_TABLE "breaker_declaration"
enum
{
	Anum_breaker_name = 1,
	Anum_breaker_threshold,
	Anum_breaker_reset,
	Natts_breaker = Anum_breaker_reset
};

#define RT_MIDDLEWARE_TABLE "middleware_declaration"
enum
{
	Anum_middleware_name = 1,
	Anum_middleware_function,
	Anum_middleware_place,
	Natts_middleware = Anum_middleware_place
};

#define RT_RATE_TABLE "rate_limit_declaration"
enum
{
	Anum_rate_path = 1,
	Anum_rate_rate_limit,
	Anum_rate_rate_window,
	Natts_rate = Anum_rate_rate_window
};

#define RT_CLUB_TABLE "group_declaration"
enum
{
	Anum_club_name = 1,
	Anum_club_max_members,
	Anum_club_meta,
	Anum_club_member_ttl,
	Anum_club_on_join,
	Anum_club_on_leave,
	Anum_club_on_full,
	Anum_club_on_close,
	Anum_club_closed_at,
	Anum_club_close_reason,
	Natts_club = Anum_club_close_reason
};

#define RT_AGGREGATE_TABLE "aggregate_declaration"
enum
{
	Anum_aggregate_path = 1,
	Anum_aggregate_id,
	Anum_aggregate_source,
	Anum_aggregate_topic,
	Anum_aggregate_names,
	Anum_aggregate_aggregates,
	Anum_aggregate_fields,
	Anum_aggregate_access,
	Anum_aggregate_guards,
	Anum_aggregate_snapshot,
	Anum_aggregate_class_of_service,
	Anum_aggregate_owner,
	Anum_aggregate_initial,
	Natts_aggregate = Anum_aggregate_initial
};

/* Several rows have the same first column. */
#define RT_WINDOW_TABLE "aggregate_window_declaration"
enum
{
	Anum_window_path = 1,
	Anum_window_name,
	Anum_window_kind,
	Anum_window_period,
	Anum_window_time_zone,
	Anum_window_duration,
	Anum_window_anchor,
	Anum_window_slide,
	Natts_window = Anum_window_slide
};

#define RT_EFFECT_TABLE "effect_declaration"
enum
{
	Anum_effect_path = 1,
	Anum_effect_sources,
	Anum_effect_handler,
	Anum_effect_queue,
	Anum_effect_owner,
	Natts_effect = Anum_effect_owner
};

/* No declarations, but found with them; columns: src/catalog/intake_store.h. */
#define RT_INTAKE_TABLE "intake"
#define RT_INTAKE_SEQUENCE "intake_id"

#define RT_WEBHOOK_TABLE "webhook_declaration"
enum
{
	Anum_webhook_path = 1,
	Anum_webhook_topic,
	Anum_webhook_verify,
	Anum_webhook_transform,
	Anum_webhook_max_body,
	Natts_webhook = Anum_webhook_max_body
};

#define RT_PIPE_TABLE "pipe_declaration"
enum
{
	Anum_pipe_path = 1,
	Anum_pipe_kinds,
	Anum_pipe_functions,
	Anum_pipe_fields,
	Anum_pipe_options,
	Anum_pipe_live,
	Natts_pipe = Anum_pipe_live
};

/* A column that names functions by their signatures. */
typedef struct RtFunctionColumn
{
	int			anum;
	const char *name;
	const char *purpose;		/* in messages: "access function" */
	bool		is_array;
} RtFunctionColumn;

typedef struct RtDeclarationTable
{
	const char *name;
	const char *kind;			/* of the declarations in it; a channel is a stream */
	const char *key;			/* column, the first, with the declaration's name */
	int			natts;
	const RtFunctionColumn *functions;	/* up to a NULL name */
	bool		has_names;		/* of the users': realtime.drop() finds them */
} RtDeclarationTable;

#define RT_DECLARATION_TABLES 19

extern const RtDeclarationTable rt_declaration_tables[RT_DECLARATION_TABLES];

/* Columns by RtStreamFunction, and behind them the arrays. */
extern const RtFunctionColumn rt_stream_function_columns[];

/* The same of queries, which have not all of them: anum 0. */
extern const int rt_query_function_columns[];

/* The table of that name, or of that kind of declaration; NULL if there is none. */
extern const RtDeclarationTable *rt_declaration_table(const char *name);
extern const RtDeclarationTable *rt_declaration_table_of(const char *kind);

#endif							/* RT_CATALOG_DECLARATION_TABLE_H */

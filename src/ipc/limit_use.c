/*
 * limit_use.c
 *		How much there is now of what is bounded, and how much there may be.
 */
#include "postgres.h"

#include "src/guc.h"
#include "src/ipc/address_rate.h"
#include "src/ipc/assertion.h"
#include "src/ipc/breaker.h"
#include "src/ipc/change_ring.h"
#include "src/ipc/cursor.h"
#include "src/ipc/limit_use.h"
#include "src/ipc/limiter.h"
#include "src/ipc/log_limit.h"
#include "src/ipc/member.h"
#include "src/ipc/parking.h"
#include "src/ipc/path_stat.h"
#include "src/ipc/payload.h"
#include "src/ipc/presence.h"
#include "src/ipc/query_group.h"
#include "src/ipc/rate.h"
#include "src/ipc/request.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/session.h"
#include "src/ipc/subscriber_count.h"
#include "src/ipc/timer.h"
#include "src/ipc/upload.h"
#include "src/ipc/worker_slot.h"

#define NONE (-1)

/* Not settings. */
static const int head_max = 16 * 1024;	/* bytes; protocol/http.h */
static const int sequential_batches_max = RT_SEQUENTIAL_BATCHES_MAX;
static const int http_waiting_max = RT_HTTP_WAITING_MAX;

/* ---- of our processes ---- */

static uint64
read_counter(const void *counters, size_t offset)
{
	return pg_atomic_read_u64((pg_atomic_uint64 *) ((uintptr_t) counters + offset));
}

static int64
most_of_gateways(size_t offset)
{
	uint64		most = 0;

	for (int i = 0; i < rt_worker_count(RT_WORKER_GATEWAY); i++)
		most = Max(most, read_counter(&rt_worker_slot(RT_WORKER_GATEWAY, i)->gateway, offset));
	return (int64) most;
}

#define MOST_OF_GATEWAYS(member) \
static int64 \
most_##member(void) \
{ \
	return most_of_gateways(offsetof(RtGatewayCounters, member)); \
}

MOST_OF_GATEWAYS(connections)
MOST_OF_GATEWAYS(departures)
MOST_OF_GATEWAYS(http_waiting)
MOST_OF_GATEWAYS(memory)
MOST_OF_GATEWAYS(remembered_bytes)
MOST_OF_GATEWAYS(ring_lag)
MOST_OF_GATEWAYS(topics)
MOST_OF_GATEWAYS(watched_topics)

static int64
most_plan_bytes(void)
{
	uint64		most = 0;

	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
		most = Max(most, pg_atomic_read_u64(&rt_worker_slot(RT_WORKER_EXECUTOR, i)->executor.plan_bytes));
	return (int64) most;
}

static int64
bridge_bytes(void)
{
	return (int64) pg_atomic_read_u64(&rt_worker_slot(RT_WORKER_SCHEDULER, 0)->scheduler.waiting_bytes);
}

/* ---- of the server ---- */

static int64
executors_max(void)
{
	return rt_worker_count(RT_WORKER_EXECUTOR);
}

static int64
requests(void)
{
	return rt_requests_in_use();
}

static int64
uploads_max(void)
{
	return rt_uploads_max();
}

static int64
uploads(void)
{
	return rt_uploads_open();
}

static int64
query_groups(void)
{
	return rt_query_groups_in_use();
}

static int64
timers(void)
{
	RtTimerStats stats;

	rt_timers_stats(&stats);
	return stats.active;
}

/* Maxima are settings, in units of so much, unless a function says otherwise. */
typedef struct Source
{
	const int  *setting;		/* 0 or less = there is none */
	int64		unit;
	int64		(*maximum) (void);
	int64		(*current) (void);
} Source;

#define KB 1024

static const Source sources[RT_LIMITS] = {
	[RT_LIMIT_CONNECTIONS] = {&realtime_max_connections, 1, NULL, most_connections},
	[RT_LIMIT_CONNECTIONS_PER_ADDRESS] = {&realtime_max_connections_per_address, 1, NULL, NULL},
	[RT_LIMIT_CONNECTIONS_PER_USER] = {&realtime_max_connections_per_user, 1, NULL, NULL},
	[RT_LIMIT_UPGRADE_RATE] = {&realtime_upgrade_rate, 1, NULL, NULL},
	[RT_LIMIT_ADDRESSES] = {NULL, 0, rt_address_rates_max, rt_address_rates_used},
	[RT_LIMIT_HEAD] = {&head_max, 1, NULL, NULL},
	[RT_LIMIT_PAYLOAD] = {&realtime_max_payload, 1, NULL, NULL},
	[RT_LIMIT_DEPTH] = {&realtime_max_depth, 1, NULL, NULL},
	[RT_LIMIT_BATCH] = {&realtime_max_batch, 1, NULL, NULL},
	[RT_LIMIT_SEQUENTIAL_BATCHES] = {&sequential_batches_max, 1, NULL, NULL},
	[RT_LIMIT_SUBSCRIPTIONS] = {&realtime_max_subscriptions, 1, NULL, NULL},
	[RT_LIMIT_TOPICS] = {&realtime_topic_count_warning, 1, NULL, most_topics},
	[RT_LIMIT_COUNTED_TOPICS] = {NULL, 0, rt_subscriber_counts_max, most_topics},
	[RT_LIMIT_WATCHED_TOPICS] = {&realtime_max_watched_topics, 1, NULL, most_watched_topics},
	[RT_LIMIT_CALLS_IN_FLIGHT] = {&realtime_max_calls_in_flight, 1, NULL, NULL},
	[RT_LIMIT_CALLS_IN_FLIGHT_PER_USER] = {&realtime_max_calls_in_flight_per_user, 1, NULL, NULL},
	[RT_LIMIT_CONNECTION_MEMORY] = {&realtime_connection_memory, KB, NULL, NULL},
	[RT_LIMIT_GATEWAY_MEMORY] = {&realtime_gateway_memory, KB, NULL, most_memory},
	[RT_LIMIT_BACKPRESSURE] = {&realtime_max_backpressure, 1, NULL, NULL},
	[RT_LIMIT_REPLAY_MEMORY] = {&realtime_replay_memory, KB, NULL, most_remembered_bytes},
	[RT_LIMIT_HTTP_WAITING] = {&http_waiting_max, 1, NULL, most_http_waiting},
	[RT_LIMIT_DEPARTURES] = {&realtime_max_connections, 1, NULL, most_departures},
	[RT_LIMIT_QUEUE_DEPTH] = {&realtime_queue_depth, 1, NULL, requests},
	[RT_LIMIT_PAYLOAD_MEMORY] = {&realtime_payload_memory, KB, NULL, rt_payload_used},
	[RT_LIMIT_EXECUTORS] = {NULL, 0, executors_max, rt_executors_present},
	[RT_LIMIT_WAITING_EXECUTORS] = {NULL, 0, rt_executors_waiting_max, rt_executors_waiting},
	[RT_LIMIT_PLAN_MEMORY] = {&realtime_plan_memory, KB, NULL, most_plan_bytes},
	[RT_LIMIT_RATE_IDENTITIES] = {&realtime_rate_identities, 1, NULL, rt_rate_most_identities},
	[RT_LIMIT_RATE_WINDOWS] = {NULL, 0, rt_rate_windows_max, rt_rate_windows},
	[RT_LIMIT_RATE_PATHS] = {NULL, 0, rt_rate_paths_max, rt_rate_paths_used},
	[RT_LIMIT_LIMITER_KEYS] = {NULL, 0, rt_limiter_keys_max, rt_limiter_keys},
	[RT_LIMIT_LOCK_WAITERS] = {&realtime_max_lock_waiters, 1, NULL, rt_parking_count},
	[RT_LIMIT_BREAKERS] = {NULL, 0, rt_breakers_max, rt_breakers_used},
	[RT_LIMIT_SESSIONS] = {&realtime_max_sessions, 1, NULL, rt_sessions_used},
	[RT_LIMIT_MEMBERS] = {&realtime_max_members, 1, NULL, rt_members_used},
	[RT_LIMIT_PRESENCE_MEMORY] = {&realtime_presence_memory, KB, NULL, rt_presence_memory_used},
	[RT_LIMIT_CURSOR_MEMORY] = {&realtime_cursor_memory, KB, NULL, rt_cursor_memory_used},
	[RT_LIMIT_TIMERS] = {&realtime_max_timers, 1, NULL, timers},
	[RT_LIMIT_RING_SIZE] = {&realtime_ring_size, KB, NULL, most_ring_lag},
	[RT_LIMIT_LIVE_TABLE_MEMORY] = {&realtime_live_table_memory, KB, NULL, NULL},
	[RT_LIMIT_BRIDGE_QUEUE] = {&realtime_bridge_queue, KB, NULL, bridge_bytes},
	[RT_LIMIT_QUERY_GROUPS] = {&realtime_max_query_groups, 1, NULL, query_groups},
	[RT_LIMIT_QUERY_MEMORY] = {&realtime_query_memory, KB, NULL, rt_query_memory_used},
	[RT_LIMIT_QUERY_RING_SIZE] = {&realtime_query_ring_size, KB, NULL, rt_changes_waiting},
	[RT_LIMIT_AGGREGATE_BUCKETS] = {&realtime_max_aggregate_buckets, 1, NULL, NULL},
	[RT_LIMIT_UPLOADS] = {NULL, 0, uploads_max, uploads},
	[RT_LIMIT_UPLOADS_PER_CONNECTION] = {&realtime_max_uploads_per_connection, 1, NULL, NULL},
	[RT_LIMIT_WEBHOOK_RATE] = {&realtime_webhook_rate, 1, NULL, NULL},
	[RT_LIMIT_STAT_PATHS] = {&realtime_stat_paths, 1, NULL, rt_path_stats_used},
	[RT_LIMIT_ASSERTION_CATEGORIES] = {NULL, 0, rt_assertions_own_max, rt_assertions_own_used},
	[RT_LIMIT_LOG_KINDS] = {NULL, 0, rt_log_kinds_max, rt_log_kinds},
	[RT_LIMIT_ERROR_LOG] = {&realtime_error_log, 1, NULL, NULL},
};

static int64
maximum_of(const Source *source)
{
	if (source->maximum != NULL)
		return source->maximum();
	if (source->setting == NULL || *source->setting <= 0)
		return NONE;
	return *source->setting * source->unit;
}

RtLimitUse
rt_limit_use(RtLimitKind limit)
{
	const Source *source = &sources[limit];
	RtLimitMeasure measure = rt_limit_row(limit)->measure;
	RtLimitUse	use = {NONE, NONE, maximum_of(source)};

	if (measure == RT_MEASURES_ALL || (measure == RT_MEASURES_PEAK && use.maximum != NONE))
		use.peak = (int64) rt_limit_peak(limit);
	if (measure == RT_MEASURES_ALL)
	{
		use.current = source->current();
		use.peak = Max(use.peak, use.current);
	}
	return use;
}

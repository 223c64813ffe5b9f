/*
 * limit.c
 *		Everything that is bounded, and how often that was not enough.
 *
 * Peaks lie apart from counts, so that who looks at one does not wait for who
 * counts.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/worker_slot.h"

#define TOLD_AGAIN_MS (60 * 60 * 1000)

/* The launcher alone writes it. */
typedef struct Told
{
	uint64		hits;			/* that have been told */
	int64		at_ms;			/* 0 = never */
} Told;

typedef struct Limits
{
	pg_atomic_uint64 peaks[RT_LIMITS];
	char		apart[PG_CACHE_LINE_SIZE];
	pg_atomic_uint64 hits[RT_LIMITS];
	Told		told[RT_LIMITS];
} Limits;

static Limits *limits = NULL;

#define REJECT RT_LIMIT_REJECT
#define EVICT RT_LIMIT_EVICT
#define WARN RT_LIMIT_WARN
#define NOTHING RT_MEASURES_NOTHING
#define PEAK RT_MEASURES_PEAK
#define ALL RT_MEASURES_ALL

static const RtLimitRow rows[RT_LIMITS] = {
	[RT_LIMIT_CONNECTIONS] = {"max_connections", REJECT, "refuse", "503", "gateway", ALL, true},
	[RT_LIMIT_CONNECTIONS_PER_ADDRESS] = {"max_connections_per_address", REJECT, "refuse", "429", "address", PEAK, false},
	[RT_LIMIT_CONNECTIONS_PER_USER] = {"max_connections_per_user", REJECT, "close", "4429", "user", PEAK, false},
	[RT_LIMIT_UPGRADE_RATE] = {"upgrade_rate", REJECT, "refuse", "429", "address", NOTHING, false},
	[RT_LIMIT_ADDRESSES] = {"addresses", EVICT, "forget", NULL, "server", ALL, true},
	[RT_LIMIT_HANDSHAKE_TIMEOUT] = {"handshake_timeout", REJECT, "close", "408", "connection", NOTHING, false},
	[RT_LIMIT_IDLE_TIMEOUT] = {"idle_timeout", REJECT, "close", "1001", "connection", NOTHING, false},
	[RT_LIMIT_STALL_TIMEOUT] = {"stall_timeout", REJECT, "close", NULL, "connection", NOTHING, false},
	[RT_LIMIT_HEAD] = {"head", REJECT, "refuse", "414, 431", "request", NOTHING, false},
	[RT_LIMIT_PAYLOAD] = {"max_payload", REJECT, "close", "1009", "message", NOTHING, false},
	[RT_LIMIT_DEPTH] = {"max_depth", REJECT, "refuse", "INVALID_REQUEST", "message", NOTHING, false},
	[RT_LIMIT_BATCH] = {"max_batch", REJECT, "refuse", "INVALID_REQUEST", "message", PEAK, false},
	[RT_LIMIT_SEQUENTIAL_BATCHES] = {"sequential_batches", REJECT, "refuse", "OVERLOADED", "connection", PEAK, false},
	[RT_LIMIT_SUBSCRIPTIONS] = {"max_subscriptions", REJECT, "refuse", "RATE_LIMITED", "connection", PEAK, false},
	[RT_LIMIT_TOPICS] = {"topic_count_warning", WARN, "warn", NULL, "gateway", ALL, false},
	[RT_LIMIT_COUNTED_TOPICS] = {"counted_topics", WARN, "bypass", NULL, "gateway", ALL, true},
	[RT_LIMIT_WATCHED_TOPICS] = {"max_watched_topics", EVICT, "forget", NULL, "gateway", ALL, false},
	[RT_LIMIT_CALLS_IN_FLIGHT] = {"max_calls_in_flight", REJECT, "wait", NULL, "connection", PEAK, false},
	[RT_LIMIT_CALLS_IN_FLIGHT_PER_USER] = {"max_calls_in_flight_per_user", REJECT, "refuse", "RATE_LIMITED", "user", PEAK, false},
	[RT_LIMIT_CONNECTION_MEMORY] = {"connection_memory", REJECT, "refuse", "RATE_LIMITED", "connection", PEAK, false},
	[RT_LIMIT_GATEWAY_MEMORY] = {"gateway_memory", REJECT, "refuse", "OVERLOADED, 1013", "gateway", ALL, true},
	[RT_LIMIT_BACKPRESSURE] = {"max_backpressure", EVICT, "drop", "truncated", "connection", PEAK, false},
	[RT_LIMIT_REPLAY_MEMORY] = {"replay_memory", EVICT, "forget", NULL, "gateway", ALL, false},
	[RT_LIMIT_HTTP_WAITING] = {"http_waiting", REJECT, "refuse", "OVERLOADED", "gateway", ALL, true},
	[RT_LIMIT_DEPARTURES] = {"departures", REJECT, "refuse", "503", "gateway", ALL, true},
	[RT_LIMIT_QUEUE_DEPTH] = {"queue_depth", REJECT, "wait", NULL, "server", ALL, true},
	[RT_LIMIT_PAYLOAD_MEMORY] = {"payload_memory", REJECT, "wait", "OVERLOADED", "server", ALL, true},
	[RT_LIMIT_EXECUTORS] = {"max_executors", REJECT, "wait", NULL, "server", ALL, true},
	[RT_LIMIT_WAITING_EXECUTORS] = {"waiting_executors", REJECT, "refuse", "OVERLOADED", "server", ALL, true},
	[RT_LIMIT_PLAN_MEMORY] = {"plan_memory", EVICT, "forget", NULL, "executor", ALL, false},
	[RT_LIMIT_HANDLER_TIMEOUT] = {"handler_timeout", REJECT, "cancel", "TIMEOUT", "call", NOTHING, false},
	[RT_LIMIT_RATE_IDENTITIES] = {"rate_identities", REJECT, "refuse", "RATE_LIMITED", "path", ALL, true},
	[RT_LIMIT_RATE_WINDOWS] = {"rate_identities_of_all", REJECT, "refuse", "RATE_LIMITED", "server", ALL, true},
	[RT_LIMIT_RATE_PATHS] = {"rate_paths", REJECT, "refuse", "RATE_LIMITED", "server", ALL, true},
	[RT_LIMIT_LIMITER_KEYS] = {"limiter_keys", REJECT, "refuse", NULL, "server", ALL, true},
	[RT_LIMIT_LOCK_WAITERS] = {"max_lock_waiters", REJECT, "refuse", "OVERLOADED", "server", ALL, true},
	[RT_LIMIT_BREAKERS] = {"breakers", WARN, "bypass", NULL, "server", ALL, true},
	[RT_LIMIT_SESSIONS] = {"max_sessions", REJECT, "close", "1013", "server", ALL, true},
	[RT_LIMIT_MEMBERS] = {"max_members", REJECT, "refuse", "OVERLOADED", "server", ALL, true},
	[RT_LIMIT_PRESENCE_MEMORY] = {"presence_memory", EVICT, "refuse", NULL, "server", ALL, false},
	[RT_LIMIT_CURSOR_MEMORY] = {"cursor_memory", REJECT, "refuse", NULL, "server", ALL, false},
	[RT_LIMIT_TIMERS] = {"max_timers", WARN, "bypass", NULL, "server", ALL, true},
	[RT_LIMIT_RING_SIZE] = {"ring_size", EVICT, "drop", "truncated", "gateway", ALL, true},
	[RT_LIMIT_LIVE_TABLE_MEMORY] = {"live_table_memory", EVICT, "drop", "truncated", "transaction", PEAK, false},
	[RT_LIMIT_BRIDGE_QUEUE] = {"bridge_queue", REJECT, "drop", "truncated", "server", ALL, false},
	[RT_LIMIT_QUERY_GROUPS] = {"max_query_groups", REJECT, "refuse", "OVERLOADED", "server", ALL, true},
	[RT_LIMIT_QUERY_MEMORY] = {"query_memory", REJECT, "refuse", "OVERLOADED", "server", ALL, true},
	[RT_LIMIT_QUERY_RING_SIZE] = {"query_ring_size", EVICT, "drop", NULL, "server", ALL, true},
	[RT_LIMIT_QUERY_TIMEOUT] = {"query_timeout", REJECT, "cancel", "TIMEOUT", "run", NOTHING, false},
	[RT_LIMIT_AGGREGATE_BUCKETS] = {"max_aggregate_buckets", REJECT, "refuse", NULL, "window", PEAK, false},
	[RT_LIMIT_UPLOADS] = {"max_uploads", REJECT, "refuse", "TOO_MANY_UPLOADS", "server", ALL, true},
	[RT_LIMIT_UPLOADS_PER_CONNECTION] = {"max_uploads_per_connection", REJECT, "refuse", "TOO_MANY_UPLOADS", "connection", PEAK, false},
	[RT_LIMIT_UPLOAD_IDLE_TIMEOUT] = {"upload_idle_timeout", REJECT, "cancel", "TIMEOUT", "upload", NOTHING, false},
	[RT_LIMIT_WEBHOOK_RATE] = {"webhook_rate", REJECT, "refuse", "429", "address", NOTHING, false},
	[RT_LIMIT_STAT_PATHS] = {"stat_paths", WARN, "bypass", NULL, "server", ALL, true},
	[RT_LIMIT_ASSERTION_CATEGORIES] = {"assertion_categories", WARN, "bypass", NULL, "server", ALL, true},
	[RT_LIMIT_LOG_KINDS] = {"log_kinds", WARN, "bypass", NULL, "server", ALL, true},
	[RT_LIMIT_ERROR_LOG] = {"error_log", EVICT, "forget", NULL, "server", PEAK, false},
};

Size
rt_limits_size(void)
{
	return sizeof(Limits);
}

void
rt_limits_init(void)
{
	bool		found;

	limits = ShmemInitStruct("realtime limits", rt_limits_size(), &found);
	if (found)
		return;
	memset(limits, 0, sizeof(Limits));
	for (int i = 0; i < RT_LIMITS; i++)
	{
		pg_atomic_init_u64(&limits->peaks[i], 0);
		pg_atomic_init_u64(&limits->hits[i], 0);
	}
}

const RtLimitRow *
rt_limit_row(RtLimitKind limit)
{
	return &rows[limit];
}

const char *
rt_limit_policy_name(RtLimitPolicy policy)
{
	static const char *const names[] = {
		[RT_LIMIT_REJECT] = "REJECT",
		[RT_LIMIT_EVICT] = "EVICT",
		[RT_LIMIT_WARN] = "WARN"
	};

	return names[policy];
}

/* ---- how often ---- */

void
rt_limit_hit(RtLimitKind limit)
{
	uint64		before = pg_atomic_fetch_add_u64(&limits->hits[limit], 1);

	if (before == 0 && rows[limit].told)
		rt_worker_wake(RT_WORKER_LAUNCHER, 0);
}

uint64
rt_limit_hits(RtLimitKind limit)
{
	return pg_atomic_read_u64(&limits->hits[limit]);
}

uint64
rt_limit_take_news(RtLimitKind limit)
{
	Told	   *told = &limits->told[limit];
	uint64		news = rt_limit_hits(limit) - told->hits;
	int64		now_ms = rt_clock_ms();

	if (!rows[limit].told || news == 0 ||
		(told->at_ms != 0 && now_ms - told->at_ms < TOLD_AGAIN_MS))
		return 0;
	told->hits += news;
	told->at_ms = now_ms;
	return news;
}

/* ---- how much ---- */

void
rt_limit_note(RtLimitKind limit, uint64 size)
{
	pg_atomic_uint64 *word = &limits->peaks[limit];
	uint64		peak = pg_atomic_read_u64(word);

	while (size > peak && !pg_atomic_compare_exchange_u64(word, &peak, size))
		;
}

uint64
rt_limit_peak(RtLimitKind limit)
{
	return pg_atomic_read_u64(&limits->peaks[limit]);
}

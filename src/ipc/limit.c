/*
 * limit.c
 *		How often limits have acted.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/limit.h"

static pg_atomic_uint64 *hits = NULL;

static const char *const names[RT_LIMITS] = {
	[RT_LIMIT_CONNECTIONS] = "max_connections",
	[RT_LIMIT_CONNECTIONS_PER_ADDRESS] = "max_connections_per_address",
	[RT_LIMIT_CONNECTIONS_PER_USER] = "max_connections_per_user",
	[RT_LIMIT_UPGRADE_RATE] = "upgrade_rate",
	[RT_LIMIT_HANDSHAKE_TIMEOUT] = "handshake_timeout",
	[RT_LIMIT_IDLE_TIMEOUT] = "idle_timeout",
	[RT_LIMIT_STALL_TIMEOUT] = "stall_timeout",
	[RT_LIMIT_HEAD] = "head",
	[RT_LIMIT_PAYLOAD] = "max_payload",
	[RT_LIMIT_DEPTH] = "max_depth",
	[RT_LIMIT_BATCH] = "max_batch",
	[RT_LIMIT_SUBSCRIPTIONS] = "max_subscriptions",
	[RT_LIMIT_CALLS_IN_FLIGHT] = "max_calls_in_flight",
	[RT_LIMIT_CALLS_IN_FLIGHT_PER_USER] = "max_calls_in_flight_per_user",
	[RT_LIMIT_CONNECTION_MEMORY] = "connection_memory",
	[RT_LIMIT_GATEWAY_MEMORY] = "gateway_memory",
	[RT_LIMIT_BACKPRESSURE] = "max_backpressure",
	[RT_LIMIT_QUEUE_DEPTH] = "queue_depth",
	[RT_LIMIT_PAYLOAD_MEMORY] = "payload_memory",
	[RT_LIMIT_RATE_IDENTITIES] = "rate_identities",
	[RT_LIMIT_LOCK_WAITERS] = "max_lock_waiters",
	[RT_LIMIT_SESSIONS] = "max_sessions",
	[RT_LIMIT_MEMBERS] = "max_members",
	[RT_LIMIT_PRESENCE_MEMORY] = "presence_memory",
	[RT_LIMIT_TIMERS] = "max_timers",
	[RT_LIMIT_RING_SIZE] = "ring_size",
	[RT_LIMIT_BRIDGE_QUEUE] = "bridge_queue",
	[RT_LIMIT_QUERY_GROUPS] = "max_query_groups",
	[RT_LIMIT_QUERY_MEMORY] = "query_memory",
	[RT_LIMIT_QUERY_TIMEOUT] = "query_timeout",
	[RT_LIMIT_HANDLER_TIMEOUT] = "handler_timeout",
	[RT_LIMIT_UPLOADS] = "max_uploads",
	[RT_LIMIT_UPLOADS_PER_CONNECTION] = "max_uploads_per_connection",
	[RT_LIMIT_UPLOAD_IDLE_TIMEOUT] = "upload_idle_timeout",
	[RT_LIMIT_WEBHOOK_RATE] = "webhook_rate"
};

Size
rt_limits_size(void)
{
	return sizeof(pg_atomic_uint64) * RT_LIMITS;
}

void
rt_limits_init(void)
{
	bool		found;

	hits = ShmemInitStruct("realtime limits", rt_limits_size(), &found);
	if (found)
		return;
	for (int i = 0; i < RT_LIMITS; i++)
		pg_atomic_init_u64(&hits[i], 0);
}

const char *
rt_limit_name(RtLimitKind limit)
{
	return names[limit];
}

void
rt_limit_hit(RtLimitKind limit)
{
	pg_atomic_fetch_add_u64(&hits[limit], 1);
}

uint64
rt_limit_hits(RtLimitKind limit)
{
	return pg_atomic_read_u64(&hits[limit]);
}

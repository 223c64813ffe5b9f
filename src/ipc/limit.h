/*
 * limit.h
 *		How often limits have acted, for realtime.limits and metrics.
 *
 * One counter for each, since the server has started.  Whoever finds that a
 * limit is reached counts it, once for what it refuses, closes or drops.
 */
#ifndef RT_IPC_LIMIT_H
#define RT_IPC_LIMIT_H

#include "src/compat.h"

/* In the order of the rows in src/backend/stat_limit.c. */
typedef enum RtLimitKind
{
	RT_LIMIT_CONNECTIONS,
	RT_LIMIT_CONNECTIONS_PER_ADDRESS,
	RT_LIMIT_CONNECTIONS_PER_USER,
	RT_LIMIT_UPGRADE_RATE,
	RT_LIMIT_HANDSHAKE_TIMEOUT,
	RT_LIMIT_IDLE_TIMEOUT,
	RT_LIMIT_STALL_TIMEOUT,
	RT_LIMIT_HEAD,
	RT_LIMIT_PAYLOAD,
	RT_LIMIT_DEPTH,
	RT_LIMIT_BATCH,
	RT_LIMIT_SUBSCRIPTIONS,
	RT_LIMIT_CALLS_IN_FLIGHT,
	RT_LIMIT_CALLS_IN_FLIGHT_PER_USER,
	RT_LIMIT_CONNECTION_MEMORY,
	RT_LIMIT_GATEWAY_MEMORY,
	RT_LIMIT_BACKPRESSURE,
	RT_LIMIT_QUEUE_DEPTH,
	RT_LIMIT_PAYLOAD_MEMORY,
	RT_LIMIT_RATE_IDENTITIES,
	RT_LIMIT_LOCK_WAITERS,
	RT_LIMIT_SESSIONS,
	RT_LIMIT_MEMBERS,
	RT_LIMIT_PRESENCE_MEMORY,
	RT_LIMIT_TIMERS,
	RT_LIMIT_RING_SIZE,
	RT_LIMIT_BRIDGE_QUEUE,
	RT_LIMIT_QUERY_GROUPS,
	RT_LIMIT_QUERY_MEMORY,
	RT_LIMIT_QUERY_TIMEOUT,
	RT_LIMIT_HANDLER_TIMEOUT,
	RT_LIMIT_UPLOADS,
	RT_LIMIT_UPLOADS_PER_CONNECTION,
	RT_LIMIT_UPLOAD_IDLE_TIMEOUT,
	RT_LIMIT_WEBHOOK_RATE,
	RT_LIMITS
} RtLimitKind;

extern Size rt_limits_size(void);
extern void rt_limits_init(void);

/* The name of its setting, without realtime.; but for "head". */
extern const char *rt_limit_name(RtLimitKind limit);

extern void rt_limit_hit(RtLimitKind limit);
extern uint64 rt_limit_hits(RtLimitKind limit);

#endif							/* RT_IPC_LIMIT_H */

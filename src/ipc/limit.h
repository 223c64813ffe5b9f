/*
 * limit.h
 *		Everything that is bounded: what happens at the bound, how often it has, and
 *		how near it has come to that.  For realtime.limits, metrics and the log.
 *
 * Whoever finds that a limit is reached counts it, once for what it refuses,
 * closes or drops.  Whoever makes something grow notes how large it is: that is a
 * look at a word which hardly ever changes.  How large it is now is not kept here
 * (limit_use.h).
 */
#ifndef RT_IPC_LIMIT_H
#define RT_IPC_LIMIT_H

#include "src/compat.h"

/* Bounds that are no settings, of structures that gateways have. */
#define RT_SEQUENTIAL_BATCHES_MAX 16	/* of one connection at a time */
#define RT_HTTP_WAITING_MAX 512	/* requests over HTTP that no executor has yet */

/* In the order of the view. */
typedef enum RtLimitKind
{
	RT_LIMIT_CONNECTIONS,
	RT_LIMIT_CONNECTIONS_PER_ADDRESS,
	RT_LIMIT_CONNECTIONS_PER_USER,
	RT_LIMIT_UPGRADE_RATE,
	RT_LIMIT_ADDRESSES,
	RT_LIMIT_HANDSHAKE_TIMEOUT,
	RT_LIMIT_IDLE_TIMEOUT,
	RT_LIMIT_STALL_TIMEOUT,
	RT_LIMIT_HEAD,
	RT_LIMIT_PAYLOAD,
	RT_LIMIT_DEPTH,
	RT_LIMIT_BATCH,
	RT_LIMIT_SEQUENTIAL_BATCHES,
	RT_LIMIT_SUBSCRIPTIONS,
	RT_LIMIT_TOPICS,
	RT_LIMIT_COUNTED_TOPICS,
	RT_LIMIT_WATCHED_TOPICS,
	RT_LIMIT_CALLS_IN_FLIGHT,
	RT_LIMIT_CALLS_IN_FLIGHT_PER_USER,
	RT_LIMIT_CONNECTION_MEMORY,
	RT_LIMIT_GATEWAY_MEMORY,
	RT_LIMIT_BACKPRESSURE,
	RT_LIMIT_REPLAY_MEMORY,
	RT_LIMIT_HTTP_WAITING,
	RT_LIMIT_DEPARTURES,
	RT_LIMIT_QUEUE_DEPTH,
	RT_LIMIT_PAYLOAD_MEMORY,
	RT_LIMIT_EXECUTORS,
	RT_LIMIT_WAITING_EXECUTORS,
	RT_LIMIT_PLAN_MEMORY,
	RT_LIMIT_HANDLER_TIMEOUT,
	RT_LIMIT_RATE_IDENTITIES,
	RT_LIMIT_RATE_WINDOWS,
	RT_LIMIT_RATE_PATHS,
	RT_LIMIT_LIMITER_KEYS,
	RT_LIMIT_LOCK_WAITERS,
	RT_LIMIT_BREAKERS,
	RT_LIMIT_SESSIONS,
	RT_LIMIT_MEMBERS,
	RT_LIMIT_PRESENCE_MEMORY,
	RT_LIMIT_CURSOR_MEMORY,
	RT_LIMIT_TIMERS,
	RT_LIMIT_RING_SIZE,
	RT_LIMIT_LIVE_TABLE_MEMORY,
	RT_LIMIT_BRIDGE_QUEUE,
	RT_LIMIT_QUERY_GROUPS,
	RT_LIMIT_QUERY_MEMORY,
	RT_LIMIT_QUERY_RING_SIZE,
	RT_LIMIT_QUERY_TIMEOUT,
	RT_LIMIT_AGGREGATE_BUCKETS,
	RT_LIMIT_UPLOADS,
	RT_LIMIT_UPLOADS_PER_CONNECTION,
	RT_LIMIT_UPLOAD_IDLE_TIMEOUT,
	RT_LIMIT_WEBHOOK_RATE,
	RT_LIMIT_STAT_PATHS,
	RT_LIMIT_ASSERTION_CATEGORIES,
	RT_LIMIT_LOG_KINDS,
	RT_LIMIT_ERROR_LOG,
	RT_LIMITS
} RtLimitKind;

/* What gives way. */
typedef enum RtLimitPolicy
{
	RT_LIMIT_REJECT,			/* what comes */
	RT_LIMIT_EVICT,				/* what was there */
	RT_LIMIT_WARN				/* nothing: it goes on without, and the log says so */
} RtLimitPolicy;

/* What is known of how much there is. */
typedef enum RtLimitMeasure
{
	RT_MEASURES_NOTHING,
	RT_MEASURES_PEAK,			/* the most that one has had; there are many */
	RT_MEASURES_ALL				/* and how much there is now */
} RtLimitMeasure;

typedef struct RtLimitRow
{
	const char *name;			/* of the setting, without realtime., if it is one */
	RtLimitPolicy policy;
	const char *action;
	const char *answer;			/* how whoever has reached it learns of it; NULL = not */
	const char *per;			/* who has so much */
	RtLimitMeasure measure;
	bool		told;			/* the log says that it has acted */
} RtLimitRow;

extern Size rt_limits_size(void);
extern void rt_limits_init(void);

extern const RtLimitRow *rt_limit_row(RtLimitKind limit);
extern const char *rt_limit_policy_name(RtLimitPolicy policy);

extern void rt_limit_hit(RtLimitKind limit);
extern uint64 rt_limit_hits(RtLimitKind limit);

/* Something is so large now. */
extern void rt_limit_note(RtLimitKind limit, uint64 size);
extern uint64 rt_limit_peak(RtLimitKind limit);

/*
 * For the launcher: how often a limit has acted since this was last asked, unless
 * that is to be told later, or never: then 0.  The first time is told at once,
 * others an hour after the one before.
 */
extern uint64 rt_limit_take_news(RtLimitKind limit);

#endif							/* RT_IPC_LIMIT_H */

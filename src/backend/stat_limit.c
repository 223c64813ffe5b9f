/*
 * stat_limit.c
 *		The view realtime.limits.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "src/ipc/limit.h"

#define COLUMNS 4

PG_FUNCTION_INFO_V1(realtime_stat_get_limits);

/*
 * What each does when it is reached, and how whoever has reached it learns of it.
 * The name is that of a setting, but for the size of a head.
 */
static const struct
{
	const char *name;
	const char *action;
	const char *answer;			/* NULL = nothing */
}			rows[RT_LIMITS] =
{
	[RT_LIMIT_CONNECTIONS] = {"max_connections", "refuse", "503"},
	[RT_LIMIT_CONNECTIONS_PER_ADDRESS] = {"max_connections_per_address", "refuse", "429"},
	[RT_LIMIT_CONNECTIONS_PER_USER] = {"max_connections_per_user", "close", "4429"},
	[RT_LIMIT_UPGRADE_RATE] = {"upgrade_rate", "refuse", "429"},
	[RT_LIMIT_HANDSHAKE_TIMEOUT] = {"handshake_timeout", "close", "408"},
	[RT_LIMIT_IDLE_TIMEOUT] = {"idle_timeout", "close", "1001"},
	[RT_LIMIT_STALL_TIMEOUT] = {"stall_timeout", "close", NULL},
	[RT_LIMIT_HEAD] = {"head", "refuse", "414, 431"},
	[RT_LIMIT_PAYLOAD] = {"max_payload", "close", "1009"},
	[RT_LIMIT_DEPTH] = {"max_depth", "refuse", "INVALID_REQUEST"},
	[RT_LIMIT_BATCH] = {"max_batch", "refuse", "INVALID_REQUEST"},
	[RT_LIMIT_SUBSCRIPTIONS] = {"max_subscriptions", "refuse", "RATE_LIMITED"},
	[RT_LIMIT_CALLS_IN_FLIGHT] = {"max_calls_in_flight", "wait", NULL},
	[RT_LIMIT_CONNECTION_MEMORY] = {"connection_memory", "refuse", "RATE_LIMITED"},
	[RT_LIMIT_GATEWAY_MEMORY] = {"gateway_memory", "refuse", "OVERLOADED, 1013"},
	[RT_LIMIT_BACKPRESSURE] = {"max_backpressure", "drop", "truncated"},
	[RT_LIMIT_QUEUE_DEPTH] = {"queue_depth", "wait", NULL},
	[RT_LIMIT_PAYLOAD_MEMORY] = {"payload_memory", "wait", "OVERLOADED"},
	[RT_LIMIT_RATE_IDENTITIES] = {"rate_identities", "refuse", "RATE_LIMITED"},
	[RT_LIMIT_LOCK_WAITERS] = {"max_lock_waiters", "refuse", "OVERLOADED"},
	[RT_LIMIT_SESSIONS] = {"max_sessions", "close", "1013"},
	[RT_LIMIT_MEMBERS] = {"max_members", "refuse", "OVERLOADED"},
	[RT_LIMIT_TIMERS] = {"max_timers", "bypass", NULL},
	[RT_LIMIT_QUERY_GROUPS] = {"max_query_groups", "refuse", "OVERLOADED"},
	[RT_LIMIT_QUERY_MEMORY] = {"query_memory", "refuse", "OVERLOADED"},
	[RT_LIMIT_HANDLER_TIMEOUT] = {"handler_timeout", "cancel", "TIMEOUT"},
	[RT_LIMIT_PRESENCE_MEMORY] = {"presence_memory", "refuse", NULL}
};

Datum
realtime_stat_get_limits(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < RT_LIMITS; i++)
	{
		Datum		values[COLUMNS] = {
			CStringGetTextDatum(rows[i].name),
			CStringGetTextDatum(rows[i].action),
			(Datum) 0,
			Int64GetDatum((int64) rt_limit_hits(i))
		};
		bool		nulls[COLUMNS] = {0};

		nulls[2] = rows[i].answer == NULL;
		if (!nulls[2])
			values[2] = CStringGetTextDatum(rows[i].answer);
		tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
	}
	return (Datum) 0;
}

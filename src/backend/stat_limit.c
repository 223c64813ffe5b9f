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

/* What each does when it is reached, and how whoever has reached it learns of it. */
static const struct
{
	const char *action;
	const char *answer;			/* NULL = nothing */
}			rows[RT_LIMITS] =
{
	[RT_LIMIT_CONNECTIONS] = {"refuse", "503"},
	[RT_LIMIT_CONNECTIONS_PER_ADDRESS] = {"refuse", "429"},
	[RT_LIMIT_CONNECTIONS_PER_USER] = {"close", "4429"},
	[RT_LIMIT_UPGRADE_RATE] = {"refuse", "429"},
	[RT_LIMIT_HANDSHAKE_TIMEOUT] = {"close", "408"},
	[RT_LIMIT_IDLE_TIMEOUT] = {"close", "1001"},
	[RT_LIMIT_STALL_TIMEOUT] = {"close", NULL},
	[RT_LIMIT_HEAD] = {"refuse", "414, 431"},
	[RT_LIMIT_PAYLOAD] = {"close", "1009"},
	[RT_LIMIT_DEPTH] = {"refuse", "INVALID_REQUEST"},
	[RT_LIMIT_BATCH] = {"refuse", "INVALID_REQUEST"},
	[RT_LIMIT_SUBSCRIPTIONS] = {"refuse", "RATE_LIMITED"},
	[RT_LIMIT_CALLS_IN_FLIGHT] = {"wait", NULL},
	[RT_LIMIT_CALLS_IN_FLIGHT_PER_USER] = {"refuse", "RATE_LIMITED"},
	[RT_LIMIT_CONNECTION_MEMORY] = {"refuse", "RATE_LIMITED"},
	[RT_LIMIT_GATEWAY_MEMORY] = {"refuse", "OVERLOADED, 1013"},
	[RT_LIMIT_BACKPRESSURE] = {"drop", "truncated"},
	[RT_LIMIT_QUEUE_DEPTH] = {"wait", NULL},
	[RT_LIMIT_PAYLOAD_MEMORY] = {"wait", "OVERLOADED"},
	[RT_LIMIT_RATE_IDENTITIES] = {"refuse", "RATE_LIMITED"},
	[RT_LIMIT_LOCK_WAITERS] = {"refuse", "OVERLOADED"},
	[RT_LIMIT_SESSIONS] = {"close", "1013"},
	[RT_LIMIT_MEMBERS] = {"refuse", "OVERLOADED"},
	[RT_LIMIT_PRESENCE_MEMORY] = {"refuse", NULL},
	[RT_LIMIT_TIMERS] = {"bypass", NULL},
	[RT_LIMIT_RING_SIZE] = {"drop", "truncated"},
	[RT_LIMIT_BRIDGE_QUEUE] = {"drop", "truncated"},
	[RT_LIMIT_QUERY_GROUPS] = {"refuse", "OVERLOADED"},
	[RT_LIMIT_QUERY_MEMORY] = {"refuse", "OVERLOADED"},
	[RT_LIMIT_QUERY_TIMEOUT] = {"cancel", "TIMEOUT"},
	[RT_LIMIT_HANDLER_TIMEOUT] = {"cancel", "TIMEOUT"},
	[RT_LIMIT_UPLOADS] = {"refuse", "TOO_MANY_UPLOADS"},
	[RT_LIMIT_UPLOADS_PER_CONNECTION] = {"refuse", "TOO_MANY_UPLOADS"},
	[RT_LIMIT_UPLOAD_IDLE_TIMEOUT] = {"cancel", "TIMEOUT"},
	[RT_LIMIT_WEBHOOK_RATE] = {"refuse", "429"}
};

Datum
realtime_stat_get_limits(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < RT_LIMITS; i++)
	{
		Datum		values[COLUMNS] = {
			CStringGetTextDatum(rt_limit_name((RtLimitKind) i)),
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

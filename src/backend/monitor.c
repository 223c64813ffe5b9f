/*
 * monitor.c
 *		What the views realtime.stat_gateway, realtime.stat_executor and
 *		realtime.stat_scheduler show, the state of the service, and who listens.
 *
 * Slots are read without a lock: a worker may come or go between two columns.
 * Counters are those of the worker that runs now, or ran last, in the slot.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/ipc/request.h"
#include "src/ipc/service.h"
#include "src/ipc/subscriber_count.h"
#include "src/ipc/worker_slot.h"

#define COMMON_COLUMNS 4		/* number, pid, state, started_at */
#define COUNTER_COLUMNS_MAX 32

static void show_workers(FunctionCallInfo fcinfo, RtWorkerKind kind,
						 int (*read) (int number, RtWorkerSlot *slot, Datum *values,
									 bool *nulls));
static int	read_gateway(int number, RtWorkerSlot *slot, Datum *values, bool *nulls);
static int	read_executor(int number, RtWorkerSlot *slot, Datum *values, bool *nulls);
static int	read_scheduler(int number, RtWorkerSlot *slot, Datum *values, bool *nulls);
static const char *state_name(RtWorkerState state);

PG_FUNCTION_INFO_V1(realtime_stat_get_gateway);
PG_FUNCTION_INFO_V1(realtime_stat_get_executor);
PG_FUNCTION_INFO_V1(realtime_stat_get_scheduler);
PG_FUNCTION_INFO_V1(realtime_service_state);
PG_FUNCTION_INFO_V1(realtime_subscribers);

Datum
realtime_stat_get_gateway(PG_FUNCTION_ARGS)
{
	show_workers(fcinfo, RT_WORKER_GATEWAY, read_gateway);
	return (Datum) 0;
}

Datum
realtime_stat_get_executor(PG_FUNCTION_ARGS)
{
	show_workers(fcinfo, RT_WORKER_EXECUTOR, read_executor);
	return (Datum) 0;
}

Datum
realtime_stat_get_scheduler(PG_FUNCTION_ARGS)
{
	show_workers(fcinfo, RT_WORKER_SCHEDULER, read_scheduler);
	return (Datum) 0;
}

Datum
realtime_service_state(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(rt_service_state_text(rt_service_state())));
}

Datum
realtime_subscribers(PG_FUNCTION_ARGS)
{
	text	   *topic = PG_GETARG_TEXT_PP(0);
	int64		count = rt_subscriber_count(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic));

	if (count == RT_SUBSCRIBERS_UNKNOWN)
		PG_RETURN_NULL();
	PG_RETURN_INT64(count);
}

/* One row for each slot of a kind, but for executors that are not needed now. */
static void
show_workers(FunctionCallInfo fcinfo, RtWorkerKind kind,
			 int (*read) (int number, RtWorkerSlot *slot, Datum *values,
									 bool *nulls))
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < rt_worker_count(kind); i++)
	{
		RtWorkerSlot *slot = rt_worker_slot(kind, i);
		RtWorkerState state = pg_atomic_read_u32(&slot->state);
		int			pid = slot->pid;
		Datum		values[COMMON_COLUMNS + COUNTER_COLUMNS_MAX];
		bool		nulls[COMMON_COLUMNS + COUNTER_COLUMNS_MAX] = {0};
		int			count PG_USED_FOR_ASSERTS_ONLY;

		if (kind == RT_WORKER_EXECUTOR && i >= realtime_executors &&
			state == RT_WORKER_FREE)
			continue;
		values[0] = Int32GetDatum(i);
		values[1] = Int32GetDatum(pid);
		nulls[1] = (pid == 0);
		values[2] = CStringGetTextDatum(state_name(state));
		values[3] = TimestampTzGetDatum(slot->started_at);
		nulls[3] = (state != RT_WORKER_RUNNING);
		count = read(i, slot, values + COMMON_COLUMNS, nulls + COMMON_COLUMNS);
		Assert(COMMON_COLUMNS + count == result->setDesc->natts);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static Datum
counter(pg_atomic_uint64 *value)
{
	return Int64GetDatum((int64) pg_atomic_read_u64(value));
}

/* Why a gateway does not listen on an address; NULL if nothing is wrong. */
static const char *
listen_error(uint32 error)
{
	if (error == 0)
		return NULL;
	return error == RT_LISTEN_NO_ADDRESS ?
		"a name in realtime.listen_addresses has no address" : strerror((int) error);
}

static int
read_gateway(int number, RtWorkerSlot *slot, Datum *values, bool *nulls)
{
	RtGatewayCounters *counters = &slot->gateway;
	const char *error = listen_error(pg_atomic_read_u32(&slot->listen_error));
	int			count = 0;

	values[count++] = BoolGetDatum(pg_atomic_read_u32(&slot->listening) != 0);
	nulls[count] = error == NULL;
	values[count++] = error != NULL ? CStringGetTextDatum(error) : (Datum) 0;
	values[count++] = counter(&counters->connections);
	values[count++] = counter(&counters->subscriptions);
	values[count++] = counter(&counters->accepted);
	values[count++] = counter(&counters->refused);
	values[count++] = counter(&counters->frames_in);
	values[count++] = counter(&counters->frames_ignored);
	values[count++] = counter(&counters->calls);
	values[count++] = counter(&counters->overloaded);
	values[count++] = counter(&counters->deliveries);
	values[count++] = counter(&counters->dropped);
	values[count++] = counter(&counters->markers);
	values[count++] = counter(&counters->repairs);
	values[count++] = counter(&counters->remembered);
	values[count++] = counter(&counters->ring_overruns);
	values[count++] = counter(&counters->bytes_out);
	values[count++] = counter(&counters->memory);
	values[count++] = counter(&counters->stalled);
	values[count++] = Int64GetDatum(rt_requests_in_flight(number));
	values[count++] = counter(&counters->waiting);
	return count;
}

static int
read_executor(int number, RtWorkerSlot *slot, Datum *values, bool *nulls)
{
	RtExecutorCounters *counters = &slot->executor;
	int			count = 0;

	values[count++] = counter(&counters->calls);
	values[count++] = counter(&counters->errors);
	values[count++] = counter(&counters->retries);
	values[count++] = counter(&counters->flushes);
	for (int tier = 0; tier < RT_STREAM_TIERS; tier++)
		values[count++] = counter(&counters->tiers[tier]);
	return count;
}

static int
read_scheduler(int number, RtWorkerSlot *slot, Datum *values, bool *nulls)
{
	RtSchedulerCounters *counters = &slot->scheduler;
	int			count = 0;

	values[count++] = counter(&counters->bridges);
	values[count++] = counter(&counters->notifications);
	values[count++] = counter(&counters->waiting);
	values[count++] = counter(&counters->skipped);
	values[count++] = counter(&counters->failed);
	values[count++] = counter(&counters->dropped);
	values[count++] = counter(&counters->passes);
	values[count++] = counter(&counters->trimmed);
	values[count++] = counter(&counters->errors);
	values[count++] = Int64GetDatum(rt_requests_in_flight(RT_OWNER_SCHEDULER));
	return count;
}

static const char *
state_name(RtWorkerState state)
{
	switch (state)
	{
		case RT_WORKER_FREE:
			return "absent";
		case RT_WORKER_STARTING:
			return "starting";
		case RT_WORKER_RUNNING:
			return "running";
	}
	return "unknown";
}

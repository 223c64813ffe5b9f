/*
 * due.c
 *		Publishing what throttle() and debounce() have kept, and its statistics.
 *
 * An executor does it in a transaction of its own.  The messages are taken from
 * the timers, and settled by the end of that transaction: so each is published
 * exactly once, whoever dies meanwhile, unless the server does.
 *
 * A message passed its checks when it was called for, so nothing here is the
 * message's fault but one thing: its topic may since have become one of class
 * replay, and the number does not fit into the frame.  Then its subscribers are
 * told that they have lost an event.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"

#include "src/backend/publish/coalesce_key.h"
#include "src/backend/publish/due.h"
#include "src/backend/publish/publish.h"
#include "src/ipc/timer.h"
#include "src/ipc/unflushed.h"

#define TAKEN_MAX 128			/* messages in a transaction */
#define TAKEN_BYTES (256 * 1024)	/* less if the ring is small */
#define STAT_COLUMNS 6

static RtTimerMessage taken[TAKEN_MAX];
static int	taken_count = 0;

static void on_transaction(XactEvent event, void *arg);
static void publish_message(const RtTimerMessage *message);

PG_FUNCTION_INFO_V1(realtime_stat_get_timer);

void
rt_due_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
}

void
rt_publish_due(void)
{
	Assert(IsTransactionState() && taken_count == 0);

	if (!rt_publish_begin())
		return;
	taken_count = rt_timers_take(MyDatabaseId, taken, TAKEN_MAX,
								 Min(TAKEN_BYTES, rt_pending_capacity() / 4));
	rt_unflushed_touch_all();
	for (int i = 0; i < taken_count; i++)
		publish_message(&taken[i]);
}

static void
publish_message(const RtTimerMessage *message)
{
	RtEvent		event = {
		.topic = message->topic, .topic_len = message->topic_len,
		.event = message->event, .event_len = message->event_len,
		.data = message->data, .data_len = message->data_len
	};

	rt_publish_resolve(&event);
	rt_coalesce_key(&event, RT_KEY_FUNCTION_LEFT);
	if (rt_pending_fits(&event))
		rt_pending_add(&event);
	else
		rt_pending_add_lost(&event);
}

/* At COMMIT the events are in the ring already (see backend.c). */
static void
on_transaction(XactEvent event, void *arg)
{
	int			count = taken_count;

	if (count == 0)
		return;
	if (event == XACT_EVENT_COMMIT)
	{
		taken_count = 0;
		rt_timers_published(taken, count);
	}
	else if (event == XACT_EVENT_ABORT)
	{
		taken_count = 0;
		rt_timers_failed(taken, count);
	}
}

Datum
realtime_stat_get_timer(PG_FUNCTION_ARGS)
{
	RtTimerStats stats;
	TupleDesc	desc;
	Datum		values[STAT_COLUMNS];
	bool		nulls[STAT_COLUMNS] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rt_timers_stats(&stats);
	values[0] = Int64GetDatum((int64) stats.active);
	values[1] = Int64GetDatum((int64) stats.waiting);
	values[2] = Int64GetDatum((int64) stats.published);
	values[3] = Int64GetDatum((int64) stats.failed);
	values[4] = Int64GetDatum((int64) stats.overflowed);
	values[5] = TimestampTzGetDatum(stats.last_overflow);
	nulls[5] = stats.last_overflow == 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/*
 * withheld.c
 *		Answers that executors have given and that must not be told yet.
 *
 * One list for those that wait for the flush and one for each mode of standbys.
 * A list is looked through only when the lowest position in it has become
 * durable, so those that wait for a standby which is gone cost nothing.
 *
 * Before that an answer waits in a list of its own for the delivery of what its
 * call has published, if its client follows anything, or of what is in a stream's
 * value, if its client follows that topic already.
 */
#include "postgres.h"

#include "src/gateway/door/connection.h"
#include "src/gateway/gateway.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/flight.h"
#include "src/gateway/topic/stream.h"
#include "src/gateway/withheld.h"
#include "src/guc.h"

#define DURABLE_LISTS (NUM_SYNC_REP_WAIT_MODE + 1)
#define EVENTS DURABLE_LISTS	/* behind them, the list of those */
#define LISTS (EVENTS + 1)

typedef struct Withheld
{
	RtRequest **requests;		/* room for as many as there are */
	int			count;
	uint64		lowest;			/* position that one of them waits for: of the
								 * log, or of the ring */
} Withheld;

static Withheld lists[LISTS];	/* by mode + 1 */

void
rt_withheld_init(void)
{
	for (int i = 0; i < LISTS; i++)
		lists[i].requests = MemoryContextAllocHuge(rt_gateway.context,
												   sizeof(RtRequest *) * realtime_queue_depth);
}

static uint64
position_in(const Withheld *list, const RtRequest *request)
{
	return list == &lists[EVENTS] ? request->answer_position : request->durability.lsn;
}

static void
append(Withheld *list, RtRequest *request)
{
	uint64		position = position_in(list, request);

	if (list->count == 0 || position < list->lowest)
		list->lowest = position;
	list->requests[list->count++] = request;
}

static bool
events_are_delivered(const RtRequest *request)
{
	return request->answer_position <= rt_fanout_position();
}

/*
 * Who follows nothing gets no events, and need not wait for them.  Who follows
 * the topic of a stream already would get those again that the value has.  Of live
 * queries none is ahead of the others.
 */
static bool
has_to_wait_for_events(RtRequest *request)
{
	RtConnection *connection;

	if (events_are_delivered(request))
		return false;
	if (request->asked.kind == RT_REQUEST_RELOAD)
		return rt_stream_answer_is_query(request);
	connection = rt_connection_find(request->asked.connection,
									request->asked.connection_serial);
	if (connection == NULL)
		return false;
	if (request->asked.kind == RT_REQUEST_STREAM)
		return rt_stream_waits_for_events(connection, request);
	return (request->asked.kind == RT_REQUEST_CALL ||
			request->asked.kind == RT_REQUEST_UPLOAD) && connection->subscription_count > 0;
}

bool
rt_withheld_keep(RtRequest *request)
{
	RtDurability needed = request->durability;

	if (has_to_wait_for_events(request))
		append(&lists[EVENTS], request);
	else if (!rt_durable_has(&rt_gateway.durable, needed))
		append(&lists[needed.mode - SYNC_REP_NO_WAIT], request);
	else
		return false;
	return true;
}

static bool
may_be_told(const RtRequest *request)
{
	return rt_durable_has(&rt_gateway.durable, request->durability);
}

static bool
is_orphan(const RtRequest *request)
{
	/* nobody's answer, but for many */
	if (request->asked.kind == RT_REQUEST_RELOAD || rt_flight_is_followed(request))
		return false;
	if (rt_http_is_asked_by(request))
		return !rt_http_is_awaited(request);
	return rt_connection_find(request->asked.connection,
							  request->asked.connection_serial) == NULL;
}

/* Takes out what is wanted; the others close ranks. */
static int
take_out(Withheld *list, bool (*is_wanted) (const RtRequest *request),
		 RtRequest **out, int max)
{
	int			kept = 0;
	int			taken = 0;

	list->lowest = PG_UINT64_MAX;
	for (int i = 0; i < list->count; i++)
	{
		RtRequest  *request = list->requests[i];

		if (taken < max && is_wanted(request))
		{
			out[taken++] = request;
			continue;
		}
		list->lowest = Min(list->lowest, position_in(list, request));
		list->requests[kept++] = request;
	}
	list->count = kept;
	return taken;
}

static bool
lowest_is_durable(int i, const RtDurable *now)
{
	RtDurability needed = {lists[i].lowest, i + SYNC_REP_NO_WAIT};

	return lists[i].count > 0 && rt_durable_has(now, needed);
}

/* Those whose events are delivered, but for those that go on waiting. */
static int
release_behind_events(RtRequest **out, int max)
{
	int			taken = 0;
	int			count;

	if (!rt_withheld_for_events() || lists[EVENTS].lowest > rt_fanout_position())
		return 0;
	count = take_out(&lists[EVENTS], events_are_delivered, out, max);
	for (int i = 0; i < count; i++)
	{
		if (!rt_withheld_keep(out[i]))
			out[taken++] = out[i];
	}
	return taken;
}

int
rt_withheld_release(RtRequest **out, int max)
{
	int			taken = release_behind_events(out, max);

	for (int i = 0; i < DURABLE_LISTS; i++)
	{
		if (lowest_is_durable(i, &rt_gateway.durable))
			taken += take_out(&lists[i], may_be_told, out + taken, max - taken);
	}
	return taken;
}

int
rt_withheld_release_orphans(RtRequest **out, int max)
{
	int			taken = 0;

	for (int i = 0; i < LISTS; i++)
		taken += take_out(&lists[i], is_orphan, out + taken, max - taken);
	return taken;
}

bool
rt_withheld_any(void)
{
	for (int i = 0; i < LISTS; i++)
	{
		if (lists[i].count > 0)
			return true;
	}
	return false;
}

bool
rt_withheld_for_events(void)
{
	return lists[EVENTS].count > 0;
}

bool
rt_withheld_is_durable(const RtDurable *now)
{
	for (int i = 0; i < DURABLE_LISTS; i++)
	{
		if (lowest_is_durable(i, now))
			return true;
	}
	return false;
}

bool
rt_withheld_for_standbys(void)
{
	for (int mode = 0; mode < NUM_SYNC_REP_WAIT_MODE; mode++)
	{
		if (lists[mode - SYNC_REP_NO_WAIT].count > 0)
			return true;
	}
	return false;
}

/*
 * withheld.c
 *		Answers that executors have given and that must not be told yet.
 *
 * One list for those that wait for the flush and one for each mode of standbys.
 * A list is looked through only when the lowest position in it has become
 * durable, so those that wait for a standby which is gone cost nothing.
 */
#include "postgres.h"

#include "src/gateway/door/connection.h"
#include "src/gateway/gateway.h"
#include "src/gateway/withheld.h"
#include "src/guc.h"

#define LISTS (NUM_SYNC_REP_WAIT_MODE + 1)

typedef struct Withheld
{
	RtRequest **requests;		/* room for as many as there are */
	int			count;
	XLogRecPtr	lowest;			/* position that one of them waits for */
} Withheld;

static Withheld lists[LISTS];	/* by mode + 1 */

void
rt_withheld_init(void)
{
	for (int i = 0; i < LISTS; i++)
		lists[i].requests = MemoryContextAllocHuge(rt_gateway.context,
												   sizeof(RtRequest *) * realtime_queue_depth);
}

bool
rt_withheld_keep(RtRequest *request)
{
	RtDurability needed = request->durability;
	Withheld   *list = &lists[needed.mode - SYNC_REP_NO_WAIT];

	if (rt_durable_has(&rt_gateway.durable, needed))
		return false;
	if (list->count == 0 || needed.lsn < list->lowest)
		list->lowest = needed.lsn;
	list->requests[list->count++] = request;
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
		list->lowest = Min(list->lowest, request->durability.lsn);
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

int
rt_withheld_release(RtRequest **out, int max)
{
	int			taken = 0;

	for (int i = 0; i < LISTS; i++)
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
rt_withheld_is_durable(const RtDurable *now)
{
	for (int i = 0; i < LISTS; i++)
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

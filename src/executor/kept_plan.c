/*
 * kept_plan.c
 *		Plans that this process keeps.
 *
 * Those of SQL functions (role_plan.c) and of live queries (prepared.c) are one
 * list by their last use, and share realtime.plan_memory.  One that was used in the
 * present transaction may be running and does not go.
 */
#include "postgres.h"

#include "access/xact.h"

#include "src/executor/kept_plan.h"
#include "src/executor/work.h"
#include "src/guc.h"
#include "src/ipc/limit.h"

static dlist_head recent = DLIST_STATIC_INIT(recent);
static Size total_bytes = 0;

void
rt_kept_plan_add(RtKeptPlan *kept, void (*drop) (RtKeptPlan *kept))
{
	kept->bytes = 0;
	kept->drop = drop;
	dlist_push_head(&recent, &kept->node);
	kept->transaction = GetCurrentTransactionStartTimestamp();
}

void
rt_kept_plan_remove(RtKeptPlan *kept)
{
	total_bytes -= kept->bytes;
	kept->bytes = 0;
	dlist_delete(&kept->node);
}

void
rt_kept_plan_use(RtKeptPlan *kept)
{
	kept->transaction = GetCurrentTransactionStartTimestamp();
	dlist_move_head(&recent, &kept->node);
}

void
rt_kept_plan_resize(RtKeptPlan *kept, Size bytes)
{
	total_bytes += bytes - kept->bytes;
	kept->bytes = bytes;
}

void
rt_kept_plans_make_room(void)
{
	TimestampTz transaction = GetCurrentTransactionStartTimestamp();

	rt_limit_note(RT_LIMIT_PLAN_MEMORY, total_bytes);
	while (total_bytes > (Size) realtime_plan_memory * 1024)
	{
		RtKeptPlan *oldest = dlist_container(RtKeptPlan, node, dlist_tail_node(&recent));

		if (oldest->transaction == transaction)
			break;
		rt_limit_hit(RT_LIMIT_PLAN_MEMORY);
		oldest->drop(oldest);
	}
	rt_work_show_plans(total_bytes);
}

/*
 * role_plan.c
 *		Kept plans of SQL functions, one for each role that calls them.
 *
 * A plan of PostgreSQL that row-level security has a part in is good for the role
 * for which it was made, and its plan cache makes it anew whenever another role
 * comes: two roles in turn plan each call.  So each role has its own, in a list
 * of all of this process, and those that were not used for the longest time go
 * when they take more than realtime.plan_memory.
 *
 * A plan may grow when PostgreSQL finds out that it is good for all arguments,
 * which it does at the sixth use: then it is measured once more.  One that was
 * used in the present transaction may be running and does not go.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "src/executor/function/function.h"
#include "src/executor/function/role_plan.h"
#include "src/executor/work.h"
#include "src/guc.h"
#include "src/ipc/limit.h"

#define KEY_SIZE (offsetof(RtRolePlan, of) + sizeof(int))
#define PLACE_BYTES 2048		/* what there is beside the plans themselves */
#define USES_MEASURED 8			/* after so many once more */

static HTAB *places = NULL;
static dlist_head recent = DLIST_STATIC_INIT(recent);
static Size total_bytes = 0;

static void
make_table(void)
{
	HASHCTL		ctl;

	ctl.keysize = KEY_SIZE;
	ctl.entrysize = sizeof(RtRolePlan);
	places = hash_create("realtime plans of roles", 256, &ctl, HASH_ELEM | HASH_BLOBS);
}

void
rt_role_plan_clear(RtRolePlan *place)
{
	if (place->plan != NULL)
		SPI_freeplan(place->plan);
	if (place->row != NULL)
		FreeTupleDesc(place->row);
	total_bytes -= place->bytes;
	place->plan = NULL;
	place->row = NULL;
	place->bytes = 0;
	place->uses = 0;
	place->generation = 0;
	place->refused = place->stops_early = false;
	place->returning = 0;
}

static void
drop(RtRolePlan *place)
{
	rt_role_plan_clear(place);
	if (place->owner->recent_plans[place->of] == place)
		place->owner->recent_plans[place->of] = NULL;
	dlist_delete(&place->node);
	(void) hash_search(places, place, HASH_REMOVE, NULL);
}

static RtRolePlan *
find_or_make(RtFunction *function, RtPlanOf of, Oid role)
{
	RtRolePlan	key = {.function = function->oid,.role = role,.of = of};
	RtRolePlan *place;
	bool		found;

	if (places == NULL)
		make_table();
	place = hash_search(places, &key, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) place + KEY_SIZE, 0, sizeof(*place) - KEY_SIZE);
		place->owner = function;
		dlist_push_head(&recent, &place->node);
	}
	return place;
}

RtRolePlan *
rt_role_plan_of(RtFunction *function, RtPlanOf of)
{
	RtRolePlan *place = function->recent_plans[of];
	Oid			role = GetUserId();

	if (place == NULL || place->role != role)
		place = find_or_make(function, of, role);
	function->recent_plans[of] = place;
	place->transaction = GetCurrentTransactionStartTimestamp();
	dlist_move_head(&recent, &place->node);
	return place;
}

/* ---- how much there is ---- */

static Size
measure(const RtRolePlan *place)
{
	Size		bytes = PLACE_BYTES;
	ListCell   *cell;

	if (place->plan == NULL)
		return 0;
	foreach(cell, SPI_plan_get_plan_sources(place->plan))
	{
		CachedPlanSource *source = lfirst(cell);

		bytes += MemoryContextMemAllocated(source->context, true);
		if (source->gplan != NULL)
			bytes += MemoryContextMemAllocated(source->gplan->context, true);
	}
	return bytes;
}

static void
make_room(void)
{
	TimestampTz transaction = GetCurrentTransactionStartTimestamp();

	rt_limit_note(RT_LIMIT_PLAN_MEMORY, total_bytes);
	while (total_bytes > (Size) realtime_plan_memory * 1024)
	{
		RtRolePlan *oldest = dlist_container(RtRolePlan, node, dlist_tail_node(&recent));

		if (oldest->transaction == transaction)
			break;
		rt_limit_hit(RT_LIMIT_PLAN_MEMORY);
		drop(oldest);
	}
	rt_work_show_plans(total_bytes);
}

void
rt_role_plan_note_use(RtRolePlan *place)
{
	if (place->uses < USES_MEASURED)
		place->uses++;
	if (place->uses == 1 || place->uses == USES_MEASURED - 1)
	{
		Size		bytes = measure(place);

		total_bytes += bytes - place->bytes;
		place->bytes = bytes;
	}
	make_room();
}

void
rt_role_plans_forget(RtFunction *function)
{
	HASH_SEQ_STATUS status;
	RtRolePlan *place;

	if (places == NULL)
		return;
	hash_seq_init(&status, places);
	while ((place = hash_seq_search(&status)) != NULL)
	{
		if (place->owner == function)
			drop(place);
	}
}

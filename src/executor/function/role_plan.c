/*
 * role_plan.c
 *		Kept plans of SQL functions, one for each role that calls them.
 *
 * A plan of PostgreSQL that row-level security has a part in is good for the role
 * for which it was made, and its plan cache makes it anew whenever another role
 * comes: two roles in turn plan each call.  So each role has its own, which go
 * when plans take too much memory (kept_plan.c).
 *
 * A plan may grow at the sixth use: then it is measured once more.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/hsearch.h"

#include "src/executor/function/function.h"
#include "src/executor/function/role_plan.h"
#include "src/plan_size.h"

#define KEY_SIZE (offsetof(RtRolePlan, of) + sizeof(int))
#define USES_MEASURED 8			/* after so many once more */

static HTAB *places = NULL;

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
	rt_kept_plan_resize(&place->kept, 0);
	place->plan = NULL;
	place->row = NULL;
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
	rt_kept_plan_remove(&place->kept);
	(void) hash_search(places, place, HASH_REMOVE, NULL);
}

static void
drop_kept(RtKeptPlan *kept)
{
	drop((RtRolePlan *) ((char *) kept - offsetof(RtRolePlan, kept)));
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
		rt_kept_plan_add(&place->kept, drop_kept);
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
	rt_kept_plan_use(&place->kept);
	return place;
}

void
rt_role_plan_note_use(RtRolePlan *place)
{
	if (place->uses < USES_MEASURED)
		place->uses++;
	if (place->uses == 1 || place->uses == USES_MEASURED - 1)
		rt_kept_plan_resize(&place->kept, rt_plan_size(place->plan));
	rt_kept_plans_make_room();
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

/*
 * stale_plan.c
 *		Plans that a change of tables or types has made wrong.
 *
 * The plan cache knows the tables, functions and domains that a plan depends
 * on, but not the row types of values: after ALTER TYPE ... ADD ATTRIBUTE a
 * PL/pgSQL function that returns the rows of an array of that type raises an
 * error whenever it is called, until its session ends.  An executor's session
 * does not end.  So an error of that kind makes it discard its plans and run
 * the call once more.
 *
 * A function may as well raise such an error because it is wrong, and then
 * whoever calls it could keep us planning.  But no plan can be older than a
 * change if nothing has changed since all of them were discarded.
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/plancache.h"
#include "utils/syscache.h"

#include "src/executor/function/function.h"
#include "src/executor/stale_plan.h"

static uint64 changes = 0;		/* of columns, types and functions */
static uint64 changes_at_discard = 0;
static bool discarded = false;	/* for this request */

static void
on_change(Datum arg, int cacheid, uint32 hash)
{
	changes++;
}

void
rt_stale_plan_init(void)
{
	CacheRegisterSyscacheCallback(ATTNUM, on_change, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, on_change, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, on_change, (Datum) 0);
}

void
rt_stale_plan_begin(void)
{
	discarded = false;
}

bool
rt_stale_plan_explains(const ErrorData *error)
{
	if (discarded || changes == changes_at_discard)
		return false;
	if (error->sqlerrcode == ERRCODE_DATATYPE_MISMATCH)
		return true;
	return error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED &&
		error->message_id != NULL &&
		strcmp(error->message_id, "cached plan must not change result type") == 0;
}

void
rt_stale_plan_discard(void)
{
	discarded = true;
	changes_at_discard = changes;
	ResetPlanCache();
	rt_functions_forget();
}

/*
 * check.c
 *		Whether groups have what running all of a query finds, and restricted runs
 *		do not look at all rows for it.
 *
 * At the same snapshot: so after each run, and not only when all is quiet; and
 * of groups that a round has not run as well, because nothing is said to concern
 * them.  But what TRUNCATE and commands do can be seen with any snapshot, before
 * the round that is told of it: if there was one meanwhile, nothing can be said.
 */
#include "postgres.h"

#include "access/table.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/executor/query/check.h"
#include "src/executor/query/window.h"
#include "src/guc.h"
#include "src/ipc/change_ring.h"
#include "src/query/scans.h"

#define LARGE_PAGES 64			/* of a table that is not to be read from end to end */

/* What groups come to is not seen in all rows. */
static bool
is_same_tally(const RtQueryState *state, uint32 row, const RtQueryState *expected,
			  uint32 other)
{
	const char *a;
	const char *b;
	uint32		len;
	uint32		other_len;

	if (!state->is_tallied || !expected->is_tallied)
		return true;
	a = rt_query_state_more(state, row, &len);
	b = rt_query_state_more(expected, other, &other_len);
	return len == other_len && memcmp(a, b, len) == 0;
}

static bool
is_same_row(const RtQueryState *state, uint32 row, const RtQueryState *expected,
			uint32 other)
{
	RtQueryRowKey a = rt_query_state_key(state, row);
	RtQueryRowKey b = rt_query_state_key(expected, other);

	if (a.len != b.len || memcmp(a.text, b.text, a.len) != 0 ||
		rt_query_state_row(state, row)->hash != rt_query_state_row(expected, other)->hash ||
		!is_same_tally(state, row, expected, other))
		return false;
	for (int cut = 0; cut < (int) state->cut_count; cut++)
	{
		uint64		hash = rt_query_state_cut(expected, other, cut);

		/* of one of them there may be no more than a part */
		if (!(cut == expected->key_cut ?
			  rt_query_state_is_cut(expected, other, cut, rt_query_state_cut(state, row, cut)) :
			  rt_query_state_is_cut(state, row, cut, hash)))
			return false;
	}
	return true;
}

/* How many rows are remembered behind those of clients is a matter of history. */
static bool
is_same_window(const RtQueryState *state, const RtQueryState *expected)
{
	uint32		common = Min(state->row_count, expected->row_count);

	if (state->shown_from != expected->shown_from ||
		state->shown_count != expected->shown_count ||
		(state->is_all && state->row_count < expected->row_count) ||
		(expected->is_all && expected->row_count < state->row_count))
		return false;
	for (uint32 row = 0; row < common; row++)
	{
		if (!is_same_row(state, row, expected, row))
			return false;
	}
	return true;
}

static bool
is_same_set(const RtQueryState *state, const RtQueryState *expected)
{
	if (state->row_count != expected->row_count)
		return false;
	for (uint32 row = 0; row < state->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(state, row);
		uint32		other = rt_query_state_find(expected, &key);

		if (other == RT_QUERY_ROW_NONE || !is_same_row(state, row, expected, other))
			return false;
	}
	return true;
}

static bool
is_same(const RtQueryState *state, const RtQueryState *expected)
{
	if (state->is_window && expected->is_window)
		return is_same_window(state, expected);
	return is_same_set(rt_window_state_shown(state), rt_window_state_shown(expected));
}

/* Of a group that knows no rows: what clients are told of. */
static bool
is_part(const RtQueryResult *told, const RtQueryState *expected)
{
	for (uint32 row = 0; told->gone != NULL && row < told->gone->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(told->gone, row);

		if (rt_query_state_find(expected, &key) != RT_QUERY_ROW_NONE)
			return false;
	}
	for (uint32 row = 0; row < told->state->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(told->state, row);
		uint32		other = rt_query_state_find(expected, &key);

		if (other == RT_QUERY_ROW_NONE || !is_same_row(told->state, row, expected, other))
			return false;
	}
	return true;
}

static bool
may_see_more(void)
{
	return rt_changes_show_through(GetActiveSnapshot());
}

void
rt_query_check(const RtGroupRun *run)
{
	const RtQueryState *state = rt_query_group_state(run->group);
	const RtQueryState *expected;

	if (run->expected == NULL || state == NULL)
		return;
	expected = rt_query_result_state(run->expected);
	if (!(state->is_keyless ? is_part(run->result, expected) : is_same(state, expected)) &&
		!may_see_more())
		ereport(LOG,
				(errmsg("live query \"%s\" is not what it should be", run->key.path),
				 errdetail("With arguments %s as role \"%s\" and user \"%s\" it has %u rows where there are %u.",
						   rt_query_group_key_describe(&run->key), run->key.role,
						   run->key.user_id, state->row_count, expected->row_count)));
}

/* ---- all of them ---- */

/* Its state is said to be true at the snapshot of the round. */
static bool
is_true(const RtQueryGroup *group)
{
	return DsaPointerIsValid(group->state) && !rt_query_group_is_loading(group) &&
		!group->touched && !group->failing && !group->gone;
}

static bool
check_group(RtQueryGroup *group)
{
	RtGroupRun	run;

	rt_group_run_init(&run, group);
	if (run.declaration == NULL)
		return false;
	rt_group_run(&run);
	if (run.fault.code != NULL && !may_see_more())
		ereport(LOG,
				(errmsg("live query \"%s\" is not what it should be", run.key.path),
				 errdetail("A run would fail: %s", run.fault.message)));
	run.expected = run.result;
	rt_query_check(&run);
	return run.expected != NULL;
}

void
rt_query_check_all(void)
{
	RtQueryGroup *group = NULL;
	int			count = 0;

	if (realtime_query_check != RT_QUERY_CHECK_ALL)
		return;
	while ((group = rt_query_group_next(group)) != NULL)
		count += is_true(group) && check_group(group);
	ereport(LOG, (errmsg("%d groups of live queries have been compared", count)));
}

/* ---- how it finds them ---- */

static bool
is_large(Oid relation)
{
	Relation	table = table_open(relation, NoLock);	/* the run has locked it */
	bool		large = RELKIND_HAS_STORAGE(table->rd_rel->relkind) &&
		RelationGetNumberOfBlocks(table) > LARGE_PAGES;

	table_close(table, NoLock);
	return large;
}

static void
check_scan(Oid relation, Oid index, void *arg)
{
	if (!OidIsValid(index) && is_large(relation))
		ereport(LOG,
				(errmsg("live query \"%s\" reads all of table \"%s\" for what may have changed",
						(const char *) arg, get_rel_name(relation))));
}

void
rt_query_check_plan(const char *path, RtQueryPlan *plan)
{
	if (realtime_query_check == RT_QUERY_CHECK_ON ||
		realtime_query_check == RT_QUERY_CHECK_ALL)
		rt_query_scans(rt_query_planned(plan), check_scan, unconstify(char *, path));
}

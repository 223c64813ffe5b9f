/*
 * touched.c
 *		Notes which tables the functions of clients touch.
 *
 * So that, while standbys do not answer, only those calls wait for them that
 * may have seen what they have to confirm (src/ipc/unflushed.h).  A statement
 * names its tables when PostgreSQL begins to execute it, those of views and
 * inheritance included.  Rows that go to a partitioned table end in tables that
 * it does not name, and a utility command may do anything: they count as all
 * tables.
 */
#include "postgres.h"

#include "executor/execdesc.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "tcop/utility.h"

#include "src/executor/touched.h"
#include "src/ipc/unflushed.h"

static ExecutorStart_hook_type previous_start = NULL;
static ProcessUtility_hook_type previous_utility = NULL;

static void
note_tables(List *range_table)
{
	ListCell   *cell;

	foreach(cell, range_table)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (entry->rtekind != RTE_RELATION)
			continue;
		if (entry->relkind == RELKIND_PARTITIONED_TABLE)
			rt_unflushed_touch_all();
		else
			rt_unflushed_touch(entry->relid);
	}
}

static void
on_start(QueryDesc *query, int flags)
{
	note_tables(query->plannedstmt->rtable);
	if (previous_start != NULL)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

static void
on_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
		   ProcessUtilityContext context, ParamListInfo params,
		   QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = previous_utility != NULL ?
		previous_utility : standard_ProcessUtility;

	rt_unflushed_touch_all();
	next(pstmt, query_string, read_only_tree, context, params, query_env, dest, qc);
}

void
rt_touched_init(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = on_start;
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
}

/*
 * scans.c
 *		How a plan reads its tables.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "parser/parsetree.h"

#include "src/query/scans.h"

typedef struct Walk
{
	const PlannedStmt *planned;
	RtQueryScanFunction function;
	void	   *arg;
} Walk;

static void
tell(const Walk *walk, const Plan *plan, Oid index)
{
	Index		rtindex = ((const Scan *) plan)->scanrelid;

	walk->function(rt_fetch(rtindex, walk->planned->rtable)->relid, index, walk->arg);
}

/* What else a node has below it than its left and right. */
static List *
other_children(Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_Append:
			return ((Append *) plan)->appendplans;
		case T_MergeAppend:
			return ((MergeAppend *) plan)->mergeplans;
		case T_BitmapAnd:
			return ((BitmapAnd *) plan)->bitmapplans;
		case T_BitmapOr:
			return ((BitmapOr *) plan)->bitmapplans;
		case T_SubqueryScan:
			return list_make1(((SubqueryScan *) plan)->subplan);
		default:
			return NIL;
	}
}

static void
walk_plan(const Walk *walk, Plan *plan)
{
	ListCell   *cell;

	if (plan == NULL)
		return;
	check_stack_depth();
	if (IsA(plan, SeqScan))
		tell(walk, plan, InvalidOid);
	else if (IsA(plan, IndexScan))
		tell(walk, plan, ((IndexScan *) plan)->indexid);
	else if (IsA(plan, IndexOnlyScan))
		tell(walk, plan, ((IndexOnlyScan *) plan)->indexid);
	else if (IsA(plan, BitmapIndexScan))
		tell(walk, plan, ((BitmapIndexScan *) plan)->indexid);
	foreach(cell, other_children(plan))
		walk_plan(walk, lfirst(cell));
	walk_plan(walk, plan->lefttree);
	walk_plan(walk, plan->righttree);
}

void
rt_query_scans(const PlannedStmt *planned, RtQueryScanFunction function, void *arg)
{
	Walk		walk = {planned, function, arg};
	ListCell   *cell;

	walk_plan(&walk, planned->planTree);
	foreach(cell, planned->subplans)
		walk_plan(&walk, lfirst(cell));
}

/*
 * restrictable.c
 *		By which columns the rows of a level can be restricted.
 *
 * So that those that are left are what they would be without.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "src/query/graph.h"

static bool is_plain(const Query *query);
static bool is_fixed(const RtLevel *level);
static bool arms_restrictable(RtGraph *graph, RtLevel *level, AttrNumber number);
static bool is_among(RtGraph *graph, RtLevel *level, List *clauses, int node);
static bool in_all_windows(RtGraph *graph, RtLevel *level, int node);

bool
rt_level_restrictable(RtGraph *graph, RtLevel *level, int number)
{
	const RtNode *node = list_nth(graph->nodes, number);
	const Query *query = level->query;

	if (node->level != level || is_fixed(level))
		return false;
	if (query->setOperations != NULL)
		return node->varno == 0 && arms_restrictable(graph, level, node->attnum);
	if (node->varno == 0 || !level->items[node->varno].joined ||
		level->items[node->varno].nullable)
		return false;
	return (query->groupClause == NIL ||
			is_among(graph, level, query->groupClause, number)) &&
		(query->distinctClause == NIL ||
		 is_among(graph, level, query->distinctClause, number)) &&
		in_all_windows(graph, level, number);
}

bool
rt_output_restrictable(RtGraph *graph, RtLevel *level, AttrNumber number)
{
	int			node = rt_graph_output(graph, level, number);
	TargetEntry *entry;

	if (node >= 0 && rt_level_restrictable(graph, level, node))
		return true;
	entry = list_nth_node(TargetEntry, level->query->targetList, number - 1);
	return is_plain(level->query) && !is_fixed(level) &&
		!checkExprHasSubLink((Node *) entry->expr);
}

static bool
is_plain(const Query *query)
{
	return query->setOperations == NULL && query->groupClause == NIL &&
		query->distinctClause == NIL && query->windowClause == NIL;
}

/* Nothing can be left out of it. */
static bool
is_fixed(const RtLevel *level)
{
	const Query *query = level->query;

	if (level->kind == RT_LEVEL_WITH || query->hasTargetSRFs ||
		query->groupingSets != NIL ||
		(query->groupClause == NIL && (query->hasAggs || query->havingQual != NULL)))
		return true;
	return level->kind != RT_LEVEL_TOP &&
		(query->limitCount != NULL || query->limitOffset != NULL);
}

static bool
arms_restrictable(RtGraph *graph, RtLevel *level, AttrNumber number)
{
	Oid			type = exprType((Node *) list_nth_node(TargetEntry,
													   level->query->targetList,
													   number - 1)->expr);
	ListCell   *cell;

	foreach(cell, graph->tree->levels)
	{
		RtLevel    *arm = lfirst(cell);
		TargetEntry *entry;

		if (arm->parent != level || arm->kind != RT_LEVEL_ARM)
			continue;
		entry = list_nth_node(TargetEntry, arm->query->targetList, number - 1);
		if (exprType((Node *) entry->expr) != type ||
			!rt_output_restrictable(graph, arm, number))
			return false;
	}
	return true;
}

static bool
is_among(RtGraph *graph, RtLevel *level, List *clauses, int node)
{
	const RtNode *column = list_nth(graph->nodes, node);
	ListCell   *cell;

	foreach(cell, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, cell);
		TargetEntry *entry = get_sortgroupclause_tle(clause, level->query->targetList);

		if (clause->eqop == column->operator &&
			exprCollation((Node *) entry->expr) == column->collation &&
			rt_graph_expression(graph, level, (Node *) entry->expr) == node)
			return true;
	}
	return false;
}

static bool
in_all_windows(RtGraph *graph, RtLevel *level, int node)
{
	ListCell   *cell;

	foreach(cell, level->query->windowClause)
	{
		if (!is_among(graph, level, lfirst_node(WindowClause, cell)->partitionClause, node))
			return false;
	}
	return true;
}

/*
 * filter.c
 *		What keeps rows of a relation out of the result.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"

#include "src/query/cut.h"

static void follow(RtGraph *graph, int node, Bitmapset **reached);
static void add_filter(RtQueryRelation *relation, const RtNode *column,
					   const RtNodeFilter *filter);

/* A column that is equal to a filtered one is filtered as well. */
void
rt_query_find_filters(RtQueryRelation *relation, RtGraph *graph, RtLevel *level,
					  Index varno)
{
	ListCell   *cell;

	for (int i = 0; i < list_length(graph->nodes); i++)
	{
		const RtNode *node = list_nth(graph->nodes, i);
		Bitmapset  *reached = NULL;

		if (node->level != level || node->varno != varno)
			continue;
		follow(graph, i, &reached);
		foreach(cell, graph->filters)
		{
			const RtNodeFilter *filter = lfirst(cell);

			if (bms_is_member(filter->node, reached))
				add_filter(relation, node, filter);
		}
	}
	foreach(cell, graph->conditions)
	{
		const RtOwnCondition *condition = lfirst(cell);
		Expr	   *expr;
		Bitmapset  *columns = NULL;
		int			column = -1;

		if (condition->level != level || condition->varno != varno)
			continue;
		expr = copyObject(condition->expr);
		ChangeVarNodes((Node *) expr, varno, 1, 0);
		relation->conditions = lappend(relation->conditions, expr);
		pull_varattnos((Node *) expr, 1, &columns);
		while ((column = bms_next_member(columns, column)) >= 0)
			relation->needed = bms_add_member(relation->needed,
											  column + FirstLowInvalidHeapAttributeNumber);
	}
}

static void
follow(RtGraph *graph, int node, Bitmapset **reached)
{
	ListCell   *cell;

	*reached = bms_add_member(*reached, node);
	foreach(cell, graph->edges)
	{
		const RtEdge *edge = lfirst(cell);

		if (edge->from == node && !bms_is_member(edge->to, *reached))
			follow(graph, edge->to, reached);
	}
}

static void
add_filter(RtQueryRelation *relation, const RtNode *column,
		   const RtNodeFilter *found)
{
	RtQueryFilter *filter = palloc0(sizeof(RtQueryFilter));
	Node	   *value = (Node *) found->value;

	filter->attnum = column->attnum;
	filter->type = column->type;
	filter->operator = column->operator;
	filter->collation = column->collation;
	filter->value = found->value;
	filter->reads_caller = contain_mutable_functions(value);
	while (IsA(value, RelabelType))
		value = (Node *) ((RelabelType *) value)->arg;
	if (IsA(value, Param) && ((Param *) value)->paramkind == PARAM_EXTERN)
		filter->param = ((Param *) value)->paramid;
	relation->filters = lappend(relation->filters, filter);
	relation->needed = bms_add_member(relation->needed, column->attnum);
}

/*
 * order.c
 *		ORDER BY and LIMIT of a live query.
 *
 * With a LIMIT, or in an order that clients are told, rows that compare equal
 * must stand somewhere: the key comes after what the author sorts by.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "src/query/shape.h"

static void sort_by(Query *query, AttrNumber column);
static RtQuerySortKey *describe(const Query *query, const SortGroupClause *clause);

List *
rt_query_show_order(Query *query, const AttrNumber *key_columns, int key_count)
{
	List	   *keys = NIL;
	ListCell   *cell;

	if (query->sortClause == NIL && query->limitCount == NULL &&
		query->limitOffset == NULL)
		return NIL;
	for (int i = 0; i < key_count; i++)
		sort_by(query, key_columns[i]);
	foreach(cell, query->sortClause)
		keys = lappend(keys, describe(query, lfirst_node(SortGroupClause, cell)));
	return keys;
}

static void
sort_by(Query *query, AttrNumber column)
{
	TargetEntry *entry = list_nth_node(TargetEntry, query->targetList, column - 1);
	SortGroupClause *clause;
	ListCell   *cell;

	foreach(cell, query->sortClause)
	{
		if (get_sortgroupclause_tle(lfirst_node(SortGroupClause, cell),
									query->targetList) == entry)
			return;
	}
	clause = makeNode(SortGroupClause);
	clause->tleSortGroupRef = assignSortGroupRef(entry, query->targetList);
	get_sort_group_operators(exprType((Node *) entry->expr), true, true, false,
							 &clause->sortop, &clause->eqop, NULL,
							 &clause->hashable);
	query->sortClause = lappend(query->sortClause, clause);
}

/* An expression that is only sorted by becomes a column. */
static RtQuerySortKey *
describe(const Query *query, const SortGroupClause *clause)
{
	TargetEntry *entry = get_sortgroupclause_tle((SortGroupClause *) clause,
												 query->targetList);
	RtQuerySortKey *key = palloc0(sizeof(RtQuerySortKey));
	Oid			family;
	Oid			type;
	RtCompareType direction;

	if (!get_ordering_op_properties(clause->sortop, &family, &type, &direction))
		elog(ERROR, "operator %u is not for sorting", clause->sortop);
	if (entry->resjunk)
	{
		entry->resjunk = false;
		entry->resname = pstrdup("?sort?");
	}
	key->column = entry->resno;
	key->type = exprType((Node *) entry->expr);
	key->operator = clause->sortop;
	key->collation = exprCollation((Node *) entry->expr);
	key->descending = direction == RT_COMPARE_GT;
	key->nulls_first = clause->nulls_first;
	return key;
}

void
rt_query_widen(RtQueryShape *shape, int param)
{
	Param	   *limit = makeNode(Param);

	limit->paramkind = PARAM_EXTERN;
	limit->paramid = param;
	limit->paramtype = INT8OID;
	limit->paramtypmod = -1;
	limit->location = -1;
	shape->query->limitOffset = NULL;
	shape->query->limitCount = (Node *) limit;
	shape->query->limitOption = LIMIT_OPTION_COUNT;
}

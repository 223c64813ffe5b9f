/*
 * keyless.c
 *		Whether nothing has to be remembered of a query's rows.
 *
 * What has changed is enough to know which rows are gone if each changed row has a
 * row of the result of its own, or a group, and all that decides about that can
 * be asked about an image: then a row of the result is gone if the image before
 * has passed, and the query does not return its key any more.  Anything more, a
 * join, a policy, HAVING, would have clients told of keys that they never had,
 * and so of rows that they may not see.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "src/query/graph.h"
#include "src/query/run.h"
#include "src/query/shape.h"

static bool is_plain(const Query *query);
static bool is_key(const RtQueryShape *shape, const AttrNumber *key_columns, int key_count);

bool
rt_query_has_plain_texts(Oid type, Oid collation)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case UUIDOID:
		case DATEOID:
			return true;
		case TEXTOID:
			return !OidIsValid(collation) || get_collation_isdeterministic(collation);
		default:
			return false;
	}
}

bool
rt_query_is_keyless(const RtQueryShape *shape, const AttrNumber *key_columns, int key_count)
{
	return list_length(shape->tree->levels) == 1 &&
		list_length(shape->relations) == 1 &&
		is_plain(shape->query) && is_key(shape, key_columns, key_count) &&
		rt_query_knows_condition(shape, shape->query->jointree->quals);
}

/* One table, perhaps in groups, without an order. */
static bool
is_plain(const Query *query)
{
	const FromExpr *from = query->jointree;

	return list_length(from->fromlist) == 1 && IsA(linitial(from->fromlist), RangeTblRef) &&
		rt_fetch(linitial_node(RangeTblRef, from->fromlist)->rtindex,
				 query->rtable)->securityQuals == NIL &&
		query->sortClause == NIL && query->limitCount == NULL && query->limitOffset == NULL &&
		query->distinctClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->setOperations == NULL &&
		!query->hasWindowFuncs && !query->hasTargetSRFs;
}

/* The only cut, found without a way through other relations. */
static bool
is_key(const RtQueryShape *shape, const AttrNumber *key_columns, int key_count)
{
	const RtQueryRelation *relation = linitial(shape->relations);
	const RtQueryCut *cut;

	if (list_length(shape->cuts) != 1 || relation->cut != 0 || relation->path != NIL ||
		key_count != 1)
		return false;
	cut = linitial(shape->cuts);
	return cut->column == key_columns[0] &&
		rt_query_has_plain_texts(cut->type, cut->collation);
}

bool
rt_query_knows_condition(const RtQueryShape *shape, Node *node)
{
	ListCell   *cell;
	bool		all = true;

	if (node == NULL)
		return true;
	if (IsA(node, List) || is_andclause(node))
	{
		foreach(cell, IsA(node, List) ? (List *) node : ((BoolExpr *) node)->args)
			all &= rt_query_knows_condition(shape, lfirst(cell));
		return all;
	}
	foreach(cell, shape->graph->conditions)
	{
		if ((Node *) ((RtOwnCondition *) lfirst(cell))->expr == node)
			return true;
	}
	return false;
}

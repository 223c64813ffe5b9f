/*
 * graph.c
 *		Which columns of a query have equal values, level by level.
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "src/query/graph.h"

static bool describe(RtNode *node);
static bool describe_column(RtNode *node, Oid relation);
static TargetEntry *output_entry(const Query *query, AttrNumber number);
static void connect_output(RtGraph *graph, RtLevel *level);
static void connect_sublink(RtGraph *graph, RtLevel *level);
static void connect_comparison(RtGraph *graph, RtLevel *level, Node *test);

RtGraph *
rt_graph(RtTree *tree)
{
	RtGraph    *graph = palloc0(sizeof(RtGraph));
	ListCell   *cell;

	graph->tree = tree;
	foreach(cell, tree->levels)
		rt_graph_read_conditions(graph, lfirst(cell));
	foreach(cell, tree->levels)
	{
		RtLevel    *level = lfirst(cell);

		if (level->kind == RT_LEVEL_FROM || level->kind == RT_LEVEL_ARM)
			connect_output(graph, level);
		else if (level->kind == RT_LEVEL_SUBLINK)
			connect_sublink(graph, level);
	}
	return graph;
}

int
rt_graph_node(RtGraph *graph, RtLevel *level, Index varno, AttrNumber attnum)
{
	RtNode		node = {.level = level, .varno = varno, .attnum = attnum};
	RtNode	   *kept;
	ListCell   *cell;

	foreach(cell, graph->nodes)
	{
		const RtNode *other = lfirst(cell);

		if (other->level == level && other->varno == varno &&
			other->attnum == attnum)
			return foreach_current_index(cell);
	}
	if (!describe(&node))
		return -1;
	kept = palloc(sizeof(RtNode));
	*kept = node;
	graph->nodes = lappend(graph->nodes, kept);
	return list_length(graph->nodes) - 1;
}

/* Its type, and how values are compared; false if they cannot be. */
static bool
describe(RtNode *node)
{
	const RangeTblEntry *rte = NULL;
	const Query *query = node->level->query;
	TypeCacheEntry *cache;
	Oid			right;

	if (node->varno > 0)
		rte = rt_fetch(node->varno, query->rtable);
	if (rte != NULL && rte->rtekind == RTE_RELATION)
	{
		if (!describe_column(node, rte->relid))
			return false;
	}
	else if (rte == NULL || rte->rtekind == RTE_SUBQUERY)
	{
		TargetEntry *entry = output_entry(rte != NULL ? rte->subquery : query,
										  node->attnum);

		if (entry == NULL)
			return false;
		node->column_type = exprType((Node *) entry->expr);
		node->column_typmod = exprTypmod((Node *) entry->expr);
		node->collation = exprCollation((Node *) entry->expr);
	}
	else
		return false;

	cache = lookup_type_cache(node->column_type, TYPECACHE_EQ_OPR |
							  TYPECACHE_HASH_EXTENDED_PROC);
	if (!OidIsValid(cache->eq_opr) || !OidIsValid(cache->hash_extended_proc))
		return false;
	node->operator = cache->eq_opr;
	op_input_types(cache->eq_opr, &node->type, &right);
	if (IsPolymorphicType(node->type))
		node->type = getBaseType(node->column_type);
	return node->type != RECORDOID;
}

static bool
describe_column(RtNode *node, Oid relation)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation),
										Int16GetDatum(node->attnum));
	Form_pg_attribute attribute;
	bool		stored;

	if (!HeapTupleIsValid(tuple))
		return false;
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	stored = !attribute->attisdropped && !rt_attribute_is_virtual(attribute);
	node->column_type = attribute->atttypid;
	node->column_typmod = attribute->atttypmod;
	node->collation = attribute->attcollation;
	node->not_null = attribute->attnotnull;
	ReleaseSysCache(tuple);
	return stored;
}

static TargetEntry *
output_entry(const Query *query, AttrNumber number)
{
	TargetEntry *entry;

	if (number < 1 || number > list_length(query->targetList))
		return NULL;
	entry = list_nth_node(TargetEntry, query->targetList, number - 1);
	return entry->resjunk ? NULL : entry;
}

int
rt_graph_expression(RtGraph *graph, RtLevel *level, Node *expr)
{
	Var		   *column = rt_tree_column(&level, expr);

	return column != NULL ?
		rt_graph_node(graph, level, column->varno, column->varattno) : -1;
}

int
rt_graph_output(RtGraph *graph, RtLevel *level, AttrNumber number)
{
	TargetEntry *entry = output_entry(level->query, number);

	if (entry == NULL)
		return -1;
	if (level->query->setOperations != NULL)
		return rt_graph_node(graph, level, 0, number);
	return rt_graph_expression(graph, level, (Node *) entry->expr);
}

void
rt_graph_connect(RtGraph *graph, int from, int to, bool strict)
{
	RtEdge	   *edge = palloc(sizeof(RtEdge));

	edge->from = from;
	edge->to = to;
	edge->strict = strict;
	graph->edges = lappend(graph->edges, edge);
}

/*
 * What a query in FROM, or an arm, gives is a column of the level above, if its
 * rows can be restricted by it.
 */
static void
connect_output(RtGraph *graph, RtLevel *level)
{
	ListCell   *cell;

	foreach(cell, level->query->targetList)
	{
		AttrNumber	number = lfirst_node(TargetEntry, cell)->resno;
		int			inner = rt_graph_output(graph, level, number);
		int			outer;

		if (inner < 0 || ((RtNode *) list_nth(graph->nodes, inner))->level != level ||
			!rt_level_restrictable(graph, level, inner))
			continue;
		outer = rt_graph_node(graph, level->parent,
							  level->kind == RT_LEVEL_ARM ? 0 : level->rtindex,
							  number);
		if (outer < 0)
			continue;
		rt_graph_connect(graph, inner, outer, false);
		if (level->kind == RT_LEVEL_FROM)
			rt_graph_connect(graph, outer, inner, false);
	}
}

/* d IN (SELECT y ...), also with several columns. */
static void
connect_sublink(RtGraph *graph, RtLevel *level)
{
	Node	   *test = level->sublink->testexpr;
	ListCell   *cell;

	if (level->sublink->subLinkType != ANY_SUBLINK || test == NULL)
		return;
	if (IsA(test, BoolExpr) && ((BoolExpr *) test)->boolop == AND_EXPR)
	{
		foreach(cell, ((BoolExpr *) test)->args)
			connect_comparison(graph, level, lfirst(cell));
	}
	else
		connect_comparison(graph, level, test);
}

/*
 * Where NULL and false are not the same to who asks, both sides must not be
 * NULL: else a row that comes to an empty set changes all others.
 */
static void
connect_comparison(RtGraph *graph, RtLevel *level, Node *test)
{
	OpExpr	   *comparison = (OpExpr *) test;
	Node	   *right;
	const RtNode *x;
	const RtNode *y;
	int			outer;
	int			inner;

	if (!IsA(test, OpExpr) || list_length(comparison->args) != 2)
		return;
	right = lsecond(comparison->args);
	while (IsA(right, RelabelType))
		right = (Node *) ((RelabelType *) right)->arg;
	if (!IsA(right, Param) || ((Param *) right)->paramkind != PARAM_SUBLINK)
		return;
	outer = rt_graph_expression(graph, level->parent, linitial(comparison->args));
	inner = rt_graph_output(graph, level, ((Param *) right)->paramid);
	if (outer < 0 || inner < 0)
		return;
	x = list_nth(graph->nodes, outer);
	y = list_nth(graph->nodes, inner);
	if (y->level != level || !rt_level_restrictable(graph, level, inner) ||
		comparison->opno != x->operator || x->operator != y->operator ||
		x->type != y->type || x->collation != y->collation)
		return;
	if (level->in_condition || (x->not_null && y->not_null && y->varno > 0 &&
								!level->items[y->varno].nullable &&
								!x->level->items[x->varno].nullable))
		rt_graph_connect(graph, inner, outer, true);
}

/*
 * restrict.c
 *		Leaves in only the rows with one value in a cut.
 *
 * The condition goes to where the planner makes the most of it: to the column
 * itself, to all that are equal to it on its level, and into the queries in
 * FROM and the arms of set operations that it comes from.  On a relation with
 * policies it goes before them: it may use an index then whether the operator
 * is leakproof or not, since the value is ours, and the policies still decide
 * about each row that is found.  Column privileges are not asked for: the value
 * of a hidden column never leaves the server.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"

#include "src/query/cut.h"

typedef struct Restriction
{
	RtGraph    *graph;
	const RtNode *cut;
	int			param;			/* 0: IS NULL */
} Restriction;

static void restrict_equal(Restriction *restriction, int number, Bitmapset **done);
static bool is_equal(const RtGraph *graph, int a, int b);
static void restrict_node(Restriction *restriction, const RtNode *node);
static void restrict_arms(Restriction *restriction, RtLevel *level, AttrNumber number);
static void restrict_output(Restriction *restriction, RtLevel *level, AttrNumber number);
static void restrict_sublinks(Restriction *restriction, int number);
static Expr *condition_on(const Restriction *restriction, Expr *column);
static void add_condition(Query *query, Expr *condition);

void
rt_query_restrict(RtQueryShape *shape, int cut, int param)
{
	int			node = list_nth_int(shape->places, cut);
	Restriction restriction = {
		.graph = shape->graph,
		.cut = list_nth(shape->graph->nodes, node),
		.param = param
	};
	Bitmapset  *done = NULL;

	shape->query->limitCount = NULL;
	shape->query->limitOffset = NULL;
	if (param > 0)
		restrict_equal(&restriction, node, &done);
	else
		restrict_node(&restriction, restriction.cut);
}

/* And all that are equal to it, both ways and on the same level. */
static void
restrict_equal(Restriction *restriction, int number, Bitmapset **done)
{
	RtGraph    *graph = restriction->graph;
	const RtNode *node = list_nth(graph->nodes, number);

	*done = bms_add_member(*done, number);
	restrict_node(restriction, node);
	restrict_sublinks(restriction, number);
	for (int i = 0; i < list_length(graph->nodes); i++)
	{
		const RtNode *other = list_nth(graph->nodes, i);

		if (!bms_is_member(i, *done) && other->level == node->level &&
			other->varno > 0 && node->varno > 0 &&
			!other->level->items[other->varno].nullable &&
			is_equal(graph, number, i) && is_equal(graph, i, number))
			restrict_equal(restriction, i, done);
	}
}

static bool
is_equal(const RtGraph *graph, int a, int b)
{
	ListCell   *cell;

	foreach(cell, graph->edges)
	{
		const RtEdge *edge = lfirst(cell);

		if (edge->from == a && edge->to == b && edge->strict)
			return true;
	}
	return false;
}

static void
restrict_node(Restriction *restriction, const RtNode *node)
{
	Query	   *query = node->level->query;
	RangeTblEntry *rte;
	Expr	   *condition;
	RtLevel    *child;

	if (node->varno == 0)
	{
		restrict_arms(restriction, node->level, node->attnum);
		return;
	}
	rte = rt_fetch(node->varno, query->rtable);
	condition = condition_on(restriction,
							 (Expr *) makeVar(node->varno, node->attnum,
											  node->column_type, node->column_typmod,
											  node->collation, 0));
	if (rte->rtekind == RTE_RELATION && rte->securityQuals != NIL)
		rte->securityQuals = lcons(condition, rte->securityQuals);
	else
		add_condition(query, condition);
	if (rte->rtekind != RTE_SUBQUERY)
		return;
	child = rt_tree_child(restriction->graph->tree, node->level, node->varno);
	if (rt_output_restrictable(restriction->graph, child, node->attnum))
		restrict_output(restriction, child, node->attnum);
}

static void
restrict_arms(Restriction *restriction, RtLevel *level, AttrNumber number)
{
	ListCell   *cell;

	foreach(cell, restriction->graph->tree->levels)
	{
		RtLevel    *arm = lfirst(cell);

		if (arm->parent == level && arm->kind == RT_LEVEL_ARM)
			restrict_output(restriction, arm, number);
	}
}

/* An output that is restrictable: by its column, or as an expression. */
static void
restrict_output(Restriction *restriction, RtLevel *level, AttrNumber number)
{
	RtGraph    *graph = restriction->graph;
	int			node = rt_graph_output(graph, level, number);
	TargetEntry *entry = list_nth_node(TargetEntry, level->query->targetList, number - 1);

	if (node >= 0 && rt_level_restrictable(graph, level, node))
		restrict_node(restriction, list_nth(graph->nodes, node));
	else
		add_condition(level->query,
					  condition_on(restriction, copyObject(entry->expr)));
}

/* d IN (SELECT y ...): with one d the others of y do not matter. */
static void
restrict_sublinks(Restriction *restriction, int number)
{
	RtGraph    *graph = restriction->graph;
	ListCell   *cell;

	foreach(cell, graph->edges)
	{
		const RtEdge *edge = lfirst(cell);
		const RtNode *inner = list_nth(graph->nodes, edge->from);

		if (edge->to == number && inner->level->kind == RT_LEVEL_SUBLINK &&
			inner->level->sublink->subLinkType == ANY_SUBLINK &&
			inner->level != ((RtNode *) list_nth(graph->nodes, number))->level &&
			rt_level_restrictable(graph, inner->level, edge->from))
			restrict_node(restriction, inner);
	}
}

static Expr *
condition_on(const Restriction *restriction, Expr *column)
{
	const RtNode *cut = restriction->cut;
	Oid			type = exprType((Node *) column);
	Param	   *param;
	NullTest   *test;
	Expr	   *comparison;

	if (restriction->param == 0)
	{
		test = makeNode(NullTest);
		test->arg = column;
		test->nulltesttype = IS_NULL;
		test->argisrow = false;
		test->location = -1;
		return (Expr *) test;
	}
	if (type != cut->type)
		column = (Expr *) makeRelabelType(column, cut->type, -1, cut->collation,
										  COERCE_IMPLICIT_CAST);
	param = makeNode(Param);
	param->paramkind = PARAM_EXTERN;
	param->paramid = restriction->param;
	param->paramtype = cut->type;
	param->paramtypmod = -1;
	param->paramcollid = cut->collation;
	param->location = -1;
	comparison = make_opclause(cut->operator, BOOLOID, false, column,
							   (Expr *) param, InvalidOid, cut->collation);
	set_opfuncid((OpExpr *) comparison);
	return comparison;
}

static void
add_condition(Query *query, Expr *condition)
{
	FromExpr   *from = query->jointree;

	from->quals = from->quals == NULL ? (Node *) condition :
		(Node *) makeBoolExpr(AND_EXPR, list_make2(from->quals, condition), -1);
}

/*
 * condition.c
 *		What WHERE, ON and policies of a level say of its columns.
 *
 * Each condition has a scope: the relations whose rows it decides about.  That
 * is all of them for WHERE and an inner join, for an outer join those that may
 * be extended with NULLs, for a policy its relation.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "src/query/graph.h"

typedef struct Scope
{
	RtGraph    *graph;
	RtLevel    *level;
	Bitmapset  *relations;
	bool		single;			/* decides about a scan of one relation */
} Scope;

static void read_join(Scope *scope, Node *node);
static Bitmapset *relations_of(Node *node);
static void read_condition(Scope *scope, Node *node);
static void read_equality(Scope *scope, OpExpr *comparison);
static void connect_columns(Scope *scope, OpExpr *comparison, int x, int y);
static void filter_column(Scope *scope, OpExpr *comparison, int x, Node *value);
static bool decides_about(const Scope *scope, const RtNode *node);
static bool same_collation(Oid a, Oid b, Oid used);
static Node *without_sublink(Node *value);
static void note_positive_sublinks(Scope *scope, Node *node);
static void keep_own_condition(Scope *scope, Node *node);

void
rt_graph_read_conditions(RtGraph *graph, RtLevel *level)
{
	Scope		scope = {.graph = graph, .level = level};
	Index		number = 0;
	ListCell   *cell;

	foreach(cell, level->query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);
		ListCell   *qual;

		scope.relations = bms_make_singleton(++number);
		scope.single = true;
		foreach(qual, rte->securityQuals)
			read_condition(&scope, lfirst(qual));
	}
	read_join(&scope, (Node *) level->query->jointree);
}

static void
read_join(Scope *scope, Node *node)
{
	ListCell   *cell;

	if (IsA(node, FromExpr))
	{
		FromExpr   *from = (FromExpr *) node;

		foreach(cell, from->fromlist)
			read_join(scope, lfirst(cell));
		scope->relations = relations_of(node);
		scope->single = false;
		read_condition(scope, from->quals);
	}
	else if (IsA(node, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) node;

		read_join(scope, join->larg);
		read_join(scope, join->rarg);
		scope->relations = NULL;
		scope->single = false;
		if (join->jointype == JOIN_INNER)
			scope->relations = relations_of(node);
		else if (join->jointype == JOIN_LEFT)
			scope->relations = relations_of(join->rarg);
		else if (join->jointype == JOIN_RIGHT)
			scope->relations = relations_of(join->larg);
		if (join->jointype != JOIN_INNER)
			scope->single = bms_membership(scope->relations) == BMS_SINGLETON;
		read_condition(scope, join->quals);
	}
}

static Bitmapset *
relations_of(Node *node)
{
	Bitmapset  *relations = NULL;
	ListCell   *cell;

	if (IsA(node, RangeTblRef))
		return bms_make_singleton(((RangeTblRef *) node)->rtindex);
	if (IsA(node, JoinExpr))
		return bms_join(relations_of(((JoinExpr *) node)->larg),
						relations_of(((JoinExpr *) node)->rarg));
	foreach(cell, castNode(FromExpr, node)->fromlist)
		relations = bms_join(relations, relations_of(lfirst(cell)));
	return relations;
}

static void
read_condition(Scope *scope, Node *node)
{
	ListCell   *cell;

	if (node == NULL)
		return;
	if (IsA(node, List) || is_andclause(node))
	{
		foreach(cell, IsA(node, List) ? (List *) node : ((BoolExpr *) node)->args)
			read_condition(scope, lfirst(cell));
		return;
	}
	note_positive_sublinks(scope, node);
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
		read_equality(scope, (OpExpr *) node);
	keep_own_condition(scope, node);
}

static void
read_equality(Scope *scope, OpExpr *comparison)
{
	Node	   *left = linitial(comparison->args);
	Node	   *right = lsecond(comparison->args);
	int			x = rt_graph_expression(scope->graph, scope->level, left);
	int			y = rt_graph_expression(scope->graph, scope->level, right);

	if (x >= 0 && y >= 0)
	{
		connect_columns(scope, comparison, x, y);
		connect_columns(scope, comparison, y, x);
	}
	else if (x >= 0)
		filter_column(scope, comparison, x, without_sublink(right));
	else if (y >= 0)
		filter_column(scope, comparison, y, without_sublink(left));
}

static void
connect_columns(Scope *scope, OpExpr *comparison, int x, int y)
{
	const RtNode *from = list_nth(scope->graph->nodes, x);
	const RtNode *to = list_nth(scope->graph->nodes, y);

	if (x != y && decides_about(scope, from) &&
		comparison->opno == from->operator && from->operator == to->operator &&
		from->type == to->type &&
		same_collation(from->collation, to->collation, comparison->inputcollid))
		rt_graph_connect(scope->graph, x, y, true);
}

/* A value of another type that can be cast without loss is taken as well. */
static void
filter_column(Scope *scope, OpExpr *comparison, int x, Node *value)
{
	const RtNode *node = list_nth(scope->graph->nodes, x);
	RtNodeFilter *filter;

	if (!decides_about(scope, node) || contain_var_clause(value) ||
		contain_vars_of_level(value, 1) || checkExprHasSubLink(value) ||
		contain_subplans(value) || contain_agg_clause(value) ||
		!same_collation(node->collation, node->collation, comparison->inputcollid))
		return;
	if (comparison->opno != node->operator || exprType(value) != node->type)
		return;
	filter = palloc(sizeof(RtNodeFilter));
	filter->node = x;
	filter->value = (Expr *) value;
	scope->graph->filters = lappend(scope->graph->filters, filter);
}

static bool
decides_about(const Scope *scope, const RtNode *node)
{
	return node->level == scope->level &&
		bms_is_member(node->varno, scope->relations);
}

static bool
same_collation(Oid a, Oid b, Oid used)
{
	if (a == b && b == used)
		return true;
	return (!OidIsValid(a) || get_collation_isdeterministic(a)) &&
		(!OidIsValid(b) || get_collation_isdeterministic(b)) &&
		(!OidIsValid(used) || get_collation_isdeterministic(used));
}

/* (SELECT uid()) is what policies are often told to write. */
static Node *
without_sublink(Node *value)
{
	SubLink    *sublink = (SubLink *) value;
	Query	   *query;

	if (!IsA(value, SubLink) || sublink->subLinkType != EXPR_SUBLINK)
		return value;
	query = castNode(Query, sublink->subselect);
	if (query->jointree->fromlist != NIL || query->jointree->quals != NULL ||
		query->setOperations != NULL || query->hasAggs || query->hasSubLinks ||
		query->hasTargetSRFs || query->limitCount != NULL ||
		query->limitOffset != NULL || query->havingQual != NULL ||
		query->groupingSets != NIL || query->cteList != NIL ||
		contain_vars_of_level((Node *) query, 0))
		return value;
	return (Node *) linitial_node(TargetEntry, query->targetList)->expr;
}

/* A SubLink under AND and OR only: its being NULL is its being false. */
static void
note_positive_sublinks(Scope *scope, Node *node)
{
	ListCell   *cell;

	if (IsA(node, SubLink))
	{
		foreach(cell, scope->graph->tree->levels)
		{
			RtLevel    *level = lfirst(cell);

			if (level->sublink == (SubLink *) node)
				level->in_condition = true;
		}
	}
	else if (is_andclause(node) || is_orclause(node))
	{
		foreach(cell, ((BoolExpr *) node)->args)
			note_positive_sublinks(scope, lfirst(cell));
	}
}

/*
 * Of one relation alone, the same for everybody, and without a chance to fail
 * or to tell anything.  After a join a condition may be true of the NULLs that a
 * relation is extended with, so that it says nothing of the relation's rows.
 */
static void
keep_own_condition(Scope *scope, Node *node)
{
	Bitmapset  *attnums = NULL;
	RtOwnCondition *condition;
	int			varno;
	List	   *vars;
	ListCell   *cell;

	if (checkExprHasSubLink(node) || contain_mutable_functions(node) ||
		contain_leaked_vars(node))
		return;
	vars = pull_vars_of_level(node, 0);
	if (vars == NIL || contain_vars_of_level(node, 1))
		return;
	varno = linitial_node(Var, vars)->varno;
	foreach(cell, vars)
	{
		Var		   *var = lfirst_node(Var, cell);

		if (var->varno != varno || var->varattno <= 0)
			return;
		attnums = bms_add_member(attnums, var->varattno);
	}
	if (!bms_is_member(varno, scope->relations) ||
		scope->level->items[varno].occurrence < 0 ||
		(!scope->single && scope->level->items[varno].nullable))
		return;
	condition = palloc(sizeof(RtOwnCondition));
	condition->level = scope->level;
	condition->varno = varno;
	condition->expr = (Expr *) node;
	scope->graph->conditions = lappend(scope->graph->conditions, condition);
}

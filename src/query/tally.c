/*
 * tally.c
 *		Whether what groups of a query come to can be kept by counting.
 *
 * Only where an image of a row says all: whether the row counts, in which group,
 * and what it gives.  Expressions that images are asked about are immutable and
 * leakproof, so they do not fail for a row that was there for a moment only.
 * Two values are of one group only if they are the same in all their bytes, so that
 * a group does not change its looks with the row that it was found by.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/sysattr.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "src/query/graph.h"
#include "src/query/tally.h"

typedef struct Making
{
	RtQueryShape *shape;
	Query	   *query;
	RtQueryRelation *relation;
	Index		varno;
	RtQueryTally *tally;
	List	   *expressions;	/* what its columns are in the query: groups, and then
								 * aggregates */
	const char *why_not;		/* the first reason */
} Making;

static const char *why_no_tally(const RtQueryShape *shape);
static const char *why_not_of_table(const RtQueryShape *shape, const RangeTblEntry *rte);
static bool key_is_of_group(const Query *query, const AttrNumber *key_columns, int key_count);
static void make(Making *making);
static void take_groups(Making *making);
static Expr *column_of_table(const Making *making, Expr *expr);
static bool has_one_look(const SortGroupClause *clause, Expr *expr);
static void take_every_row(Making *making);
static bool take_aggregates(Node *node, void *making);
static void take_aggregate(Making *making, Aggref *aggregate);
static void take_term(Making *making, Aggref *aggregate, RtTermKind kind);
static Aggref *make_count(Aggref *sum);
static Expr *first_argument(const Aggref *aggregate);
static bool is_known(Making *making, Expr *expr);
static int	place_of(const Making *making, Node *node);
static Expr *on_images(const Making *making, Expr *expr);
static bool may_be_long(const Making *making, const Expr *arg);
static void can_be_computed(Making *making, Node *node);
static void need_columns(Making *making);
static void need(Making *making, Expr *expr);
static void show(Making *making);
static int	show_expression(Query *query, Expr *expr);
static void describe_columns(Making *making);
static Node *on_tally(Node *node, void *making);
static void find_outputs(Making *making);
static const char *describe(const Making *making);

void
rt_query_find_tally(RtQueryShape *shape, const AttrNumber *key_columns, int key_count)
{
	Query	   *query = shape->query;
	Making		making = {.shape = shape,.query = query};

	if (!query->hasAggs && query->groupClause == NIL)
		return;
	making.why_not = why_no_tally(shape);
	if (making.why_not == NULL && !key_is_of_group(query, key_columns, key_count))
		making.why_not = "an aggregate is a part of the key";
	if (making.why_not == NULL)
		make(&making);
	shape->why_no_tally = making.why_not;
	if (making.why_not == NULL)
	{
		need_columns(&making);
		show(&making);
		find_outputs(&making);
		making.tally->described = describe(&making);
		shape->tally = making.tally;
	}
}

/* ---- the query around them ---- */

static const char *
why_no_tally(const RtQueryShape *shape)
{
	const Query *query = shape->query;
	const FromExpr *from = query->jointree;

	if (list_length(shape->tree->levels) != 1 || list_length(shape->relations) != 1 ||
		list_length(from->fromlist) != 1 || !IsA(linitial(from->fromlist), RangeTblRef) ||
		query->cteList != NIL)
		return "it reads more than one table, or a view";
	if (shape->sort != NIL || query->limitCount != NULL || query->limitOffset != NULL)
		return "it has ORDER BY or LIMIT";
	if (query->setOperations != NULL || query->distinctClause != NIL || query->groupingSets != NIL ||
		query->hasWindowFuncs || query->hasTargetSRFs || query->hasSubLinks || query->rowMarks != NIL)
		return "it does more than GROUP BY";
	return why_not_of_table(shape,
							rt_fetch(linitial_node(RangeTblRef, from->fromlist)->rtindex,
									 query->rtable));
}

/*
 * Of the rows of partitions and heirs others tell.  A policy may ask what no image
 * tells.
 */
static const char *
why_not_of_table(const RtQueryShape *shape, const RangeTblEntry *rte)
{
	if (rte->rtekind != RTE_RELATION || rte->tablesample != NULL)
		return "it reads more than one table, or a view";
	if (rte->relkind != RELKIND_RELATION || has_subclass(rte->relid) ||
		get_rel_relispartition(rte->relid))
		return "the table has partitions, or inherits";
	if (!rt_query_knows_condition(shape, (Node *) rte->securityQuals))
		return "a policy is not on columns of the table alone, immutable and leakproof";
	if (!rt_query_knows_condition(shape, shape->query->jointree->quals))
		return "not all conditions are on columns of the table, immutable and leakproof";
	return NULL;
}

static bool
key_is_of_group(const Query *query, const AttrNumber *key_columns, int key_count)
{
	for (int i = 0; i < key_count; i++)
	{
		const TargetEntry *entry = list_nth_node(TargetEntry, query->targetList,
												 key_columns[i] - 1);

		if (contain_agg_clause((Node *) entry->expr))
			return false;
	}
	return true;
}

/* ---- groups and terms ---- */

static void
make(Making *making)
{
	const Query *query = making->query;
	ListCell   *cell;

	making->relation = linitial(making->shape->relations);
	making->varno = linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex;
	making->tally = palloc0(sizeof(RtQueryTally));
	making->tally->is_grouped = query->groupClause != NIL;
	take_groups(making);
	take_every_row(making);
	foreach(cell, query->targetList)
		(void) take_aggregates((Node *) lfirst_node(TargetEntry, cell)->expr, making);
	(void) take_aggregates(query->havingQual, making);
	foreach(cell, query->targetList)
		can_be_computed(making, (Node *) lfirst_node(TargetEntry, cell)->expr);
	can_be_computed(making, query->havingQual);
}

static void
take_groups(Making *making)
{
	RtQueryTally *tally = making->tally;
	ListCell   *cell;

	foreach(cell, making->query->groupClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, cell);
		TargetEntry *entry = get_sortgroupclause_tle(clause, making->query->targetList);
		Expr	   *expr = column_of_table(making, entry->expr);

		if (!has_one_look(clause, expr))
			making->why_not = "it is grouped by a type of which equal values look different";
		if (!is_known(making, expr))
			making->why_not = "what it is grouped by is not immutable and leakproof";
		if (making->why_not != NULL)
			return;
		tally->groups = lappend(tally->groups, on_images(making, expr));
		tally->group_count++;
		making->expressions = lappend(making->expressions, entry->expr);
	}
}

/* What is grouped may be a relation of its own. */
static Expr *
column_of_table(const Making *making, Expr *expr)
{
	const Var  *var = (const Var *) expr;
	List	   *expressions = NIL;

	if (IsA(expr, Var) && var->varlevelsup == 0)
		expressions = rt_group_expressions(rt_fetch(var->varno, making->query->rtable));
	return expressions != NIL ? list_nth(expressions, var->varattno - 1) : expr;
}

/* Of blanks at the end char(n) says nothing. */
static bool
has_one_look(const SortGroupClause *clause, Expr *expr)
{
	TypeCacheEntry *cache = lookup_type_cache(exprType((Node *) expr),
											  TYPECACHE_EQ_OPR | TYPECACHE_BTREE_OPFAMILY);
	Oid			function;

	if (getBaseType(cache->type_id) == BPCHAROID || !OidIsValid(cache->btree_opf) ||
		clause->eqop != cache->eq_opr)
		return false;
	function = get_opfamily_proc(cache->btree_opf, cache->btree_opintype,
								 cache->btree_opintype, BTEQUALIMAGE_PROC);
	return OidIsValid(function) &&
		DatumGetBool(OidFunctionCall1Coll(function, exprCollation((Node *) expr),
										  ObjectIdGetDatum(cache->btree_opintype)));
}

static void
take_every_row(Making *making)
{
	Aggref	   *aggregate = makeNode(Aggref);

	aggregate->aggfnoid = F_COUNT_;
	aggregate->aggtype = INT8OID;
	aggregate->aggstar = true;
	aggregate->aggkind = AGGKIND_NORMAL;
	aggregate->aggsplit = AGGSPLIT_SIMPLE;
	aggregate->aggno = aggregate->aggtransno = -1;
	aggregate->location = -1;
	take_term(making, aggregate, RT_TERM_COUNT);
}

static bool
take_aggregates(Node *node, void *making)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Aggref))
		return expression_tree_walker(node, take_aggregates, making);
	take_aggregate(making, (Aggref *) node);
	return false;
}

static void
take_aggregate(Making *making, Aggref *aggregate)
{
	if (aggregate->aggdistinct != NIL || aggregate->aggorder != NIL ||
		aggregate->agglevelsup > 0)
	{
		making->why_not = "an aggregate has DISTINCT or ORDER BY";
		return;
	}
	switch (aggregate->aggfnoid)
	{
		case F_COUNT_:
		case F_COUNT_ANY:
			take_term(making, aggregate, RT_TERM_COUNT);
			break;
		case F_SUM_INT2:
		case F_SUM_INT4:
			take_term(making, aggregate, RT_TERM_SUM);
			break;
		case F_SUM_INT8:
			take_term(making, aggregate, RT_TERM_SUM_NUMERIC);
			break;
		default:
			making->why_not = "an aggregate is neither count() nor sum() of integers";
	}
}

/* Once each. */
static void
take_term(Making *making, Aggref *aggregate, RtTermKind kind)
{
	RtQueryTally *tally = making->tally;
	RtTerm	   *term;
	Expr	   *arg = first_argument(aggregate);
	Aggref	   *count;

	if (place_of(making, (Node *) aggregate) >= 0)
		return;
	if (!is_known(making, arg) || !is_known(making, aggregate->aggfilter))
	{
		making->why_not = "what is counted or summed is not immutable and leakproof";
		return;
	}
	if (kind == RT_TERM_COUNT && may_be_long(making, arg))
	{
		making->why_not = "a column is counted that may be long";
		return;
	}
	term = palloc0(sizeof(RtTerm));
	term->kind = kind;
	if (kind != RT_TERM_COUNT)
	{
		count = make_count(aggregate);
		take_term(making, count, RT_TERM_COUNT);
		term->counted = place_of(making, (Node *) count) - tally->group_count;
	}
	term->length = arg != NULL ? get_typlen(exprType((Node *) arg)) : 0;
	term->arg = on_images(making, arg);
	term->filter = on_images(making, aggregate->aggfilter);
	tally->terms = lappend(tally->terms, term);
	tally->term_count++;
	making->expressions = lappend(making->expressions, aggregate);
}

/* The same rows, counted. */
static Aggref *
make_count(Aggref *sum)
{
	Aggref	   *count = copyObject(sum);

	count->aggfnoid = F_COUNT_ANY;
	count->aggtype = INT8OID;
	count->aggtranstype = InvalidOid;
	count->aggcollid = count->inputcollid = InvalidOid;
	return count;
}

static Expr *
first_argument(const Aggref *aggregate)
{
	return aggregate->args == NIL ? NULL :
		linitial_node(TargetEntry, aggregate->args)->expr;
}

/* Whether an image tells its value. */
static bool
is_known(Making *making, Expr *expr)
{
	Node	   *node = (Node *) expr;
	ListCell   *cell;

	if (node == NULL)
		return true;
	if (contain_mutable_functions(node) || contain_leaked_vars(node) ||
		contain_agg_clause(node) || contain_vars_of_level(node, 1))
		return false;
	foreach(cell, pull_vars_of_level(node, 0))
	{
		const Var  *var = lfirst_node(Var, cell);

		if (var->varno != (int) making->varno || var->varattno <= 0)
			return false;
	}
	return true;
}

/* As which column of a tally something of the query is there, from 0; or -1. */
static int
place_of(const Making *making, Node *node)
{
	ListCell   *cell;

	foreach(cell, making->expressions)
	{
		if (equal(lfirst(cell), node))
			return foreach_current_index(cell);
	}
	return -1;
}

static Expr *
on_images(const Making *making, Expr *expr)
{
	Expr	   *copy = copyObject(expr);

	if (copy != NULL)
		ChangeVarNodes((Node *) copy, making->varno, 1, 0);
	return copy;
}

/* It would be told with each change, only to say whether it is NULL. */
static bool
may_be_long(const Making *making, const Expr *arg)
{
	const Var  *var = (const Var *) arg;

	return arg != NULL && IsA(arg, Var) && get_typlen(var->vartype) < 0 &&
		!bms_is_member(var->varattno, making->relation->needed) &&
		place_of(making, (Node *) arg) < 0;
}

/* ---- what images must have ---- */

static void
need_columns(Making *making)
{
	ListCell   *cell;

	foreach(cell, making->tally->groups)
		need(making, lfirst(cell));
	foreach(cell, making->tally->terms)
	{
		const RtTerm *term = lfirst(cell);

		need(making, term->arg);
		need(making, term->filter);
	}
}

static void
need(Making *making, Expr *expr)
{
	RtQueryRelation *relation = making->relation;
	Bitmapset  *columns = NULL;
	int			column = -1;

	pull_varattnos((Node *) expr, 1, &columns);
	while ((column = bms_next_member(columns, column)) >= 0)
		relation->needed = bms_add_member(relation->needed,
										  column + FirstLowInvalidHeapAttributeNumber);
}

/* ---- what runs return ---- */

static void
show(Making *making)
{
	ListCell   *cell;

	foreach(cell, making->expressions)
		making->tally->columns = lappend_int(making->tally->columns,
											 show_expression(making->query, lfirst(cell)));
	making->query->hasAggs = true;
	describe_columns(making);
}

static int
show_expression(Query *query, Expr *expr)
{
	int			visible = 0;
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, cell);

		visible += !entry->resjunk;
		if (!entry->resjunk && equal(entry->expr, expr))
			return visible;
	}
	query->targetList = lappend(query->targetList,
								makeTargetEntry(copyObject(expr),
												list_length(query->targetList) + 1,
												pstrdup("?tally?"), false));
	return visible + 1;
}

static void
describe_columns(Making *making)
{
	TupleDesc	desc = CreateTemplateTupleDesc(list_length(making->expressions));
	ListCell   *cell;

	foreach(cell, making->expressions)
	{
		Node	   *expr = lfirst(cell);
		int			column = foreach_current_index(cell) + 1;

		TupleDescInitEntry(desc, column, NULL, exprType(expr), exprTypmod(expr), 0);
		TupleDescInitEntryCollation(desc, column, exprCollation(expr));
	}
	making->tally->desc = desc;
}

/* ---- from a tally to a row ---- */

static Node *
on_tally(Node *node, void *arg)
{
	Making	   *making = arg;
	int			place;

	if (node == NULL)
		return NULL;
	place = place_of(making, node);
	if (place >= 0)
		return (Node *) makeVar(1, place + 1, exprType(node), exprTypmod(node),
								exprCollation(node), 0);
	if (IsA(node, Var) || IsA(node, GroupingFunc) || IsA(node, Aggref))
	{
		making->why_not = making->why_not != NULL ? making->why_not :
			"it shows more than what it is grouped by and aggregates";
		return node;
	}
	return expression_tree_mutator(node, on_tally, arg);
}

static void
can_be_computed(Making *making, Node *node)
{
	Node	   *computed = on_tally(node, making);

	if (making->why_not == NULL && contain_mutable_functions(computed))
		making->why_not = "it shows what is not immutable";
}

static void
find_outputs(Making *making)
{
	const Query *query = making->query;
	RtQueryTally *tally = making->tally;
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (!entry->resjunk)
			tally->outputs = lappend(tally->outputs, on_tally((Node *) entry->expr, making));
	}
	tally->having = (Expr *) on_tally(query->havingQual, making);
}

static const char *
describe(const Making *making)
{
	int			counts = 0;
	int			sums = 0;
	ListCell   *cell;

	foreach(cell, making->tally->terms)
	{
		counts += ((RtTerm *) lfirst(cell))->kind == RT_TERM_COUNT;
		sums += ((RtTerm *) lfirst(cell))->kind != RT_TERM_COUNT;
	}
	return psprintf("counts: %d, sums: %d", counts, sums);
}

/* ---- keeping it ---- */

RtQueryTally *
rt_query_tally_copy(const RtQueryTally *tally)
{
	RtQueryTally *copy = palloc(sizeof(RtQueryTally));
	ListCell   *cell;

	*copy = *tally;
	copy->groups = copyObject(tally->groups);
	copy->columns = list_copy(tally->columns);
	copy->outputs = copyObject(tally->outputs);
	copy->having = copyObject(tally->having);
	copy->described = pstrdup(tally->described);
	copy->desc = CreateTupleDescCopy(tally->desc);
	copy->terms = NIL;
	foreach(cell, tally->terms)
	{
		RtTerm	   *term = palloc(sizeof(RtTerm));

		*term = *(RtTerm *) lfirst(cell);
		term->arg = copyObject(term->arg);
		term->filter = copyObject(term->filter);
		copy->terms = lappend(copy->terms, term);
	}
	return copy;
}

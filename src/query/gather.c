/*
 * gather.c
 *		One query for many groups that differ in their arguments.
 *
 *		SELECT q.*, g.ordinality
 *		  FROM unnest($arguments, ..., $values) WITH ORDINALITY g, LATERAL (Q) q
 *
 * where Q, already restricted to a value of a cut, has g's columns in place of its
 * parameters.  OFFSET 0 keeps the planner from taking Q apart: so it is planned
 * as it is for one group, and policies in it stay where they are.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "src/query/run.h"
#include "src/query/shape.h"

#define GROUPS 1				/* their places among the relations */
#define ROWS 2

/* Parameters up to one number are columns of a relation so many levels above. */
typedef struct Replacing
{
	int			count;
	int			above;
} Replacing;

static Oid
type_of(const RtQuery *about, const RtQueryCut *cut, int number)
{
	return number < about->param_count ? about->param_types[number] : cut->type;
}

bool
rt_query_can_gather(const RtQuery *query)
{
	ListCell   *cell;

	/* what is in an order is asked for a part of only, for each group */
	if (query->sort != NIL || query->reads_caller)
		return false;
	for (int i = 0; i < query->param_count; i++)
	{
		if (!OidIsValid(get_array_type(query->param_types[i])))
			return false;
	}
	foreach(cell, query->cuts)
	{
		if (!OidIsValid(get_array_type(((RtQueryCut *) lfirst(cell))->type)))
			return false;
	}
	return true;
}

int
rt_query_gather_types(const RtQuery *about, const RtQueryCut *cut, Oid *types)
{
	for (int i = 0; i <= about->param_count; i++)
		types[i] = get_array_type(type_of(about, cut, i));
	return about->param_count + 1;
}

static Node *
replace_parameters(Node *node, void *arg)
{
	Replacing  *replacing = arg;
	const Param *param = (Param *) node;
	Node	   *result;

	if (node == NULL)
		return NULL;
	if (IsA(node, Param) && param->paramkind == PARAM_EXTERN &&
		param->paramid <= replacing->count)
		return (Node *) makeVar(GROUPS, param->paramid, param->paramtype,
								param->paramtypmod, param->paramcollid,
								replacing->above);
	if (!IsA(node, Query))
		return expression_tree_mutator(node, replace_parameters, arg);
	replacing->above++;
	result = (Node *) query_tree_mutator((Query *) node, replace_parameters, arg, 0);
	replacing->above--;
	return result;
}

/* unnest() of an array that is a parameter */
static RangeTblFunction *
make_unnest(Oid type, int param)
{
	RangeTblFunction *function = makeNode(RangeTblFunction);
	Param	   *array = makeNode(Param);
	FuncExpr   *call;

	array->paramkind = PARAM_EXTERN;
	array->paramid = param;
	array->paramtype = get_array_type(type);
	array->paramtypmod = -1;
	array->paramcollid = get_typcollation(type);
	array->location = -1;
	call = makeFuncExpr(F_UNNEST_ANYARRAY, type, list_make1(array),
						get_typcollation(type), get_typcollation(type),
						COERCE_EXPLICIT_CALL);
	call->funcretset = true;
	function->funcexpr = (Node *) call;
	function->funccolcount = 1;
	return function;
}

static RangeTblEntry *
make_groups(const RtQuery *about, const RtQueryCut *cut)
{
	RangeTblEntry *groups = makeNode(RangeTblEntry);
	List	   *names = NIL;

	groups->rtekind = RTE_FUNCTION;
	for (int i = 0; i <= about->param_count; i++)
	{
		groups->functions = lappend(groups->functions,
									make_unnest(type_of(about, cut, i),
												about->param_count + i + 1));
		names = lappend(names, makeString(psprintf("a%d", i + 1)));
	}
	groups->funcordinality = true;
	groups->eref = makeAlias("groups", lappend(names, makeString(pstrdup("n"))));
	groups->inFromCl = true;
	return groups;
}

static RangeTblEntry *
make_rows(Query *query)
{
	RangeTblEntry *rows = makeNode(RangeTblEntry);
	List	   *names = NIL;
	ListCell   *cell;

	if (query->limitOffset == NULL)
		query->limitOffset = (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
												Int64GetDatum(0), false, FLOAT8PASSBYVAL);
	foreach(cell, query->targetList)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, cell);

		names = lappend(names, makeString(pstrdup(entry->resname != NULL ?
												  entry->resname : "?column?")));
	}
	rows->rtekind = RTE_SUBQUERY;
	rows->subquery = query;
	rows->lateral = true;
	rows->eref = makeAlias("rows", names);
	rows->inFromCl = true;
	return rows;
}

static RangeTblRef *
make_reference(int relation)
{
	RangeTblRef *reference = makeNode(RangeTblRef);

	reference->rtindex = relation;
	return reference;
}

static List *
make_outputs(const Query *query, AttrNumber ordinality)
{
	List	   *outputs = NIL;
	ListCell   *cell;
	Var		   *number = makeVar(GROUPS, ordinality, INT8OID, -1, InvalidOid, 0);

	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (!entry->resjunk)
			outputs = lappend(outputs, makeTargetEntry((Expr *) makeVarFromTargetEntry(ROWS, entry),
													   list_length(outputs) + 1,
													   entry->resname, false));
	}
	return lappend(outputs, makeTargetEntry((Expr *) number, list_length(outputs) + 1,
											pstrdup("n"), false));
}

Query *
rt_query_gather(Query *query, const RtQuery *about, const RtQueryCut *cut)
{
	Replacing	replacing = {.count = about->param_count + 1, .above = 1};
	Query	   *inner = query_tree_mutator(query, replace_parameters, &replacing, 0);
	Query	   *outer = makeNode(Query);

	outer->commandType = CMD_SELECT;
	outer->querySource = query->querySource;
	outer->canSetTag = true;
	outer->queryId = query->queryId;
	outer->stmt_location = query->stmt_location;
	outer->stmt_len = query->stmt_len;
	outer->hasRowSecurity = query->hasRowSecurity;
	outer->rtable = list_make2(make_groups(about, cut), make_rows(inner));
	outer->jointree = makeFromExpr(list_make2(make_reference(GROUPS), make_reference(ROWS)),
								   NULL);
	outer->targetList = make_outputs(inner, about->param_count + 2);
	return outer;
}

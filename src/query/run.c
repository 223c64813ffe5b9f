/*
 * run.c
 *		Plans of a live query: all of it, or what has given values in a cut.
 *
 * The author's text is prepared with its own parameters and one more.  While
 * it is planned our hook changes the query, which is rewritten by then, with
 * policies in place.  The plan cache does the rest: it plans again what has
 * been invalidated, at the latest when the plan is run, so the hook must know
 * of the plan then, too.  Other statements that are planned meanwhile are told
 * apart by their text.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "src/plan_size.h"
#include "src/query/run.h"
#include "src/query/shape.h"

struct RtQueryPlan
{
	RtQuery    *query;
	RtQueryRunKind kind;
	int			cut;
	char	   *sql;			/* unlike that of any other plan */
	SPIPlanPtr	plan;
	MemoryContextCallback forget;
};

static planner_hook_type previous_hook = NULL;
static RtQueryPlan *active = NULL;	/* what is being run */

static PlannedStmt *plan_statement(Query *parse, const char *text, int options,
								   ParamListInfo params);
static PlannedStmt *plan_as_usual(Query *parse, const char *text, int options,
								  ParamListInfo params);
static Query *change(const RtQueryPlan *plan, Query *parse);
static RtQueryPlan *make_plan(RtQuery *query, RtQueryRunKind kind, int cut);
static void prepare(RtQueryPlan *plan);
static void forget_plan(void *arg);

void
rt_query_run_install(void)
{
	previous_hook = planner_hook;
	planner_hook = plan_statement;
}

static PlannedStmt *
plan_statement(Query *parse, const char *text, int options, ParamListInfo params)
{
	RtQueryPlan *plan = active;
	PlannedStmt *planned;

	if (plan == NULL || text == NULL || strcmp(text, plan->sql) != 0)
		return plan_as_usual(parse, text, options, params);

	/* what is planned on the way is not meant; after an ERROR nothing is */
	active = NULL;
	planned = plan_as_usual(change(plan, parse), text, options, params);
	active = plan;
	return planned;
}

static PlannedStmt *
plan_as_usual(Query *parse, const char *text, int options, ParamListInfo params)
{
	return previous_hook != NULL ?
		previous_hook(parse, text, options, params) :
		standard_planner(parse, text, options, params);
}

static Query *
change(const RtQueryPlan *plan, Query *parse)
{
	const RtQuery *query = plan->query;

	RtQueryShape *shape = rt_query_shape(parse, query->key_columns,
										 query->key_count);

	if (ExecCleanTargetListLength(parse->targetList) != query->rows->natts ||
		!rt_query_same_cuts(query->cuts, shape->cuts))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a live query is not what it was"),
				 errdetail("Something that it reads has been changed.")));
	if (plan->cut >= 0)
		rt_query_restrict(shape, plan->cut, plan->kind == RT_QUERY_NULL ?
						  0 : query->param_count + 1);
	else if (plan->kind == RT_QUERY_WINDOW)
		rt_query_widen(shape, query->param_count + 1);
	return plan->kind == RT_QUERY_VALUES ?
		rt_query_gather(parse, query, list_nth(query->cuts, plan->cut)) : parse;
}

RtQueryPlan *
rt_query_plan(RtQuery *query, RtQueryRunKind kind, int cut)
{
	ListCell   *cell;

	foreach(cell, query->plans)
	{
		RtQueryPlan *plan = lfirst(cell);

		if (plan->kind == kind && plan->cut == cut)
			return plan;
	}
	return make_plan(query, kind, cut);
}

static RtQueryPlan *
make_plan(RtQuery *query, RtQueryRunKind kind, int cut)
{
	static uint64 serial = 0;
	MemoryContext context = rt_query_plans_context(query);
	MemoryContext before = MemoryContextSwitchTo(context);
	RtQueryPlan *plan = palloc0(sizeof(RtQueryPlan));

	plan->query = query;
	plan->kind = kind;
	plan->cut = cut;
	plan->sql = psprintf("%s\n/* realtime query " UINT64_FORMAT " */",
						 query->sql, ++serial);
	MemoryContextSwitchTo(before);

	prepare(plan);
	plan->forget.func = forget_plan;
	plan->forget.arg = plan;
	MemoryContextRegisterResetCallback(context, &plan->forget);
	before = MemoryContextSwitchTo(context);
	query->plans = lappend(query->plans, plan);
	MemoryContextSwitchTo(before);
	return plan;
}

/* A restricted plan does not depend on the value: it is made once. */
static void
prepare(RtQueryPlan *plan)
{
	const RtQuery *query = plan->query;
	Oid		   *types = palloc(sizeof(Oid) * (2 * query->param_count + 1));
	int			count = query->param_count;
	int			options = CURSOR_OPT_PARALLEL_OK;

	memcpy(types, query->param_types, sizeof(Oid) * count);
	if (plan->cut >= 0)
		options = CURSOR_OPT_GENERIC_PLAN;
	if (plan->kind == RT_QUERY_VALUE)
		types[count++] = ((RtQueryCut *) list_nth(query->cuts, plan->cut))->type;
	if (plan->kind == RT_QUERY_VALUES)
		count += rt_query_gather_types(query, list_nth(query->cuts, plan->cut),
									   &types[count]);
	if (plan->kind == RT_QUERY_WINDOW)
		types[count++] = INT8OID;
	plan->plan = SPI_prepare_cursor(plan->sql, count, types, options);
	if (plan->plan == NULL || SPI_keepplan(plan->plan) != 0)
		elog(ERROR, "could not prepare a live query: %s",
			 SPI_result_code_string(SPI_result));
	pfree(types);
}

static void
forget_plan(void *arg)
{
	SPI_freeplan(((RtQueryPlan *) arg)->plan);
}

uint64
rt_query_run(RtQueryPlan *plan, const Datum *values, const char *nulls,
			 Snapshot snapshot, uint64 row_max)
{
	RtQueryPlan *outer = active;
	int			result;

	active = plan;
	PG_TRY();
	{
		result = SPI_execute_snapshot(plan->plan, (Datum *) values, nulls,
									  snapshot != NULL ? snapshot : GetActiveSnapshot(),
									  InvalidSnapshot, true, false, row_max);
	}
	PG_FINALLY();
	{
		active = outer;
	}
	PG_END_TRY();
	if (result != SPI_OK_SELECT)
		elog(ERROR, "a live query did not run as a SELECT: %s",
			 SPI_result_code_string(result));
	return SPI_processed;
}

MemoryContext
rt_query_plans_context(RtQuery *query)
{
	if (query->plans_context == NULL)
		query->plans_context = AllocSetContextCreate(query->context,
													 "realtime plans of a query",
													 ALLOCSET_SMALL_SIZES);
	return query->plans_context;
}

void
rt_query_forget_plans(RtQuery *query)
{
	query->plans = NIL;
	rt_query_forget_paths(query);
	if (query->plans_context != NULL)
		MemoryContextReset(query->plans_context);
}

static Size
plans_context_size(const RtQuery *query)
{
	return query->plans_context == NULL ? 0 :
		MemoryContextMemAllocated(query->plans_context, true);
}

Size
rt_query_size(const RtQuery *query)
{
	return MemoryContextMemAllocated(query->context, true) - plans_context_size(query);
}

Size
rt_query_plans_size(const RtQuery *query)
{
	Size		bytes = plans_context_size(query) + rt_query_paths_size(query);
	ListCell   *cell;

	foreach(cell, query->plans)
		bytes += rt_plan_size(((RtQueryPlan *) lfirst(cell))->plan);
	return bytes;
}

PlannedStmt *
rt_query_planned(RtQueryPlan *plan)
{
	RtQueryPlan *outer = active;
	CachedPlan *cached;
	PlannedStmt *planned = NULL;

	active = plan;
	PG_TRY();
	{
		cached = SPI_plan_get_cached_plan(plan->plan);
	}
	PG_FINALLY();
	{
		active = outer;
	}
	PG_END_TRY();
	if (cached == NULL)
		elog(ERROR, "a live query has no simple plan");
	planned = copyObject(linitial_node(PlannedStmt, cached->stmt_list));
	ReleaseCachedPlan(cached, CurrentResourceOwner);
	return planned;
}

/* ---- own conditions ---- */

/* Lives as long as the query: to prepare it takes longer than to use it. */
typedef struct RtQueryTest
{
	ExprContext *econtext;
	ExprState  *state;
} RtQueryTest;

static RtQueryTest *
make_test(RtQuery *query, const RtQueryRelation *relation)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "realtime query conditions",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	RtQueryTest *test = palloc(sizeof(RtQueryTest));
	Expr	   *conditions = (Expr *) copyObject(relation->conditions);

	test->econtext = CreateStandaloneExprContext();
	test->state = ExecInitQual((List *) expression_planner(conditions), NULL);
	MemoryContextSwitchTo(before);
	/* what has failed goes with the current context */
	MemoryContextSetParent(context, query->context);
	return test;
}

/*
 * An image has no more than the needed columns, so nothing else of it is
 * looked at.
 */
bool
rt_query_passes(RtQuery *query, RtQueryRelation *relation,
				ParamListInfo arguments, TupleTableSlot *image)
{
	ExprContext *econtext;
	bool		passes;

	if (relation->conditions == NIL)
		return true;
	if (relation->test == NULL)
		relation->test = make_test(query, relation);
	econtext = relation->test->econtext;
	econtext->ecxt_param_list_info = arguments;
	econtext->ecxt_scantuple = image;
	passes = ExecQual(relation->test->state, econtext);
	ResetExprContext(econtext);
	return passes;
}

/*
 * sql_body.c
 *		Runs the body of an SQL function with kept plans.
 *
 * Before PostgreSQL 18 its handler for SQL functions forgets everything at the
 * end of the transaction, and here each call is one: most of the time of a
 * short function would go into parsing and planning it again.  So the body is
 * prepared once, with the parser's own hooks for names of parameters, and the
 * statements are run as a plan of SPI, in the order and with the snapshots that
 * the handler would give them.  The plan cache sees changes of tables and
 * search_path.
 *
 * Names are resolved with the rights of whoever prepares, so plans are kept
 * apart by role, and only until privileges change.
 *
 * What this does not take on goes to PostgreSQL's handler: sets, rows, other
 * identities or settings, bodies of BEGIN ATOMIC, utility commands, and results
 * that have to be cast.
 */
#include "postgres.h"

#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/functions.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/syscache.h"

#include "src/executor/function/sql_body.h"
#include "src/executor/identity.h"

/* Takes the value of the function out of the rows that its body returns. */
typedef struct BodyResult
{
	DestReceiver receiver;		/* first */
	const RtFunction *function;
	const RtRolePlan *plan;
	int			statement;		/* of those that return rows, counted from 1 */
	bool		found;
	NullableDatum *value;
	MemoryContext context;		/* of the value */
} BodyResult;

/* ---- describing ---- */

void
rt_sql_body_describe(RtFunction *function, HeapTuple tuple)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
	Datum		source;
	bool		none;

	if (!RT_SQL_BODIES_ARE_PLANNED_ANEW ||
		proc->prolang != SQLlanguageId || proc->proretset ||
		proc->prosecdef || function->result == RT_RESULT_ROW ||
		!heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL) ||
		!heap_attisnull(tuple, Anum_pg_proc_prosqlbody, NULL) ||
		FmgrHookIsNeeded(function->oid))
		return;
	source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &none);
	if (none)
		return;
	function->sql_body = TextDatumGetCString(source);
	function->sql_names = prepare_sql_fn_parse_info(tuple, function->flinfo.fn_expr,
													function->collation);
	get_typlenbyval(function->result_type, &function->result_len,
					&function->result_by_value);
}

/* ---- planning ---- */

/* Whether a statement is one query, no utility command, after rewriting. */
static Query *
only_query(CachedPlanSource *source)
{
	Query	   *query;

	if (list_length(source->query_list) != 1)
		return NULL;
	query = linitial_node(Query, source->query_list);
	return query->commandType == CMD_UTILITY ? NULL : query;
}

/*
 * Finds out which statement gives the value.  Returns false if the body is not
 * for us.
 */
static bool
examine_plan(const RtFunction *function, RtRolePlan *plan)
{
	ListCell   *cell;
	Query	   *last = NULL;
	TupleDesc	row = NULL;

	foreach(cell, SPI_plan_get_plan_sources(plan->plan))
	{
		CachedPlanSource *source = lfirst(cell);

		last = only_query(source);
		if (last == NULL)
			return false;
		row = source->resultDesc;
		if (row != NULL)
			plan->returning++;
	}
	if (function->result == RT_RESULT_VOID)
		return true;
	plan->stops_early = last != NULL && last->commandType == CMD_SELECT &&
		!last->hasModifyingCTE;
	return row != NULL && row->natts == 1 &&
		TupleDescAttr(row, 0)->atttypid == function->result_type;
}

static void
prepare(const RtFunction *function, RtRolePlan *plan)
{
	SPIPrepareOptions options;

	memset(&options, 0, sizeof(options));
	options.parserSetup = (ParserSetupHook) sql_fn_parser_setup;
	options.parserSetupArg = function->sql_names;
	options.cursorOptions = CURSOR_OPT_PARALLEL_OK;
	plan->plan = SPI_prepare_extended(function->sql_body, &options);
	if (plan->plan == NULL || SPI_keepplan(plan->plan) != 0)
		elog(ERROR, "could not prepare the body of function \"%s\": %s",
			 function->name, SPI_result_code_string(SPI_result));
}

/*
 * The plan of the current role, prepared if necessary; refused if the body is
 * not for us.  A change of tables may turn one into the other.
 */
static RtRolePlan *
plan_of_role(RtFunction *function)
{
	uint64		generation = rt_privilege_generation();
	RtRolePlan *plan = rt_role_plan_of(function, RT_PLAN_OF_BODY);

	if (plan->plan != NULL && plan->generation == generation &&
		SPI_plan_is_valid(plan->plan))
		return plan;

	rt_role_plan_clear(plan);
	prepare(function, plan);
	plan->refused = !examine_plan(function, plan);
	plan->generation = generation;
	return plan;
}

/* ---- running ---- */

static void
on_startup(DestReceiver *self, int operation, TupleDesc row)
{
	BodyResult *result = (BodyResult *) self;

	result->statement++;
	if (result->statement == result->plan->returning &&
		result->function->result != RT_RESULT_VOID &&
		(row->natts != 1 ||
		 TupleDescAttr(row, 0)->atttypid != result->function->result_type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("result of function \"%s\" is not of the type it declares",
						result->function->name)));
}

/* The first row of the last statement; the others run for what they do. */
static bool
on_row(TupleTableSlot *slot, DestReceiver *self)
{
	BodyResult *result = (BodyResult *) self;
	const RtFunction *function = result->function;
	MemoryContext old;
	Datum		value;

	if (result->found || function->result == RT_RESULT_VOID ||
		result->statement < result->plan->returning)
		return true;

	result->found = true;
	value = slot_getattr(slot, 1, &result->value->isnull);
	if (!result->value->isnull)
	{
		old = MemoryContextSwitchTo(result->context);
		result->value->value = datumCopy(value, function->result_by_value,
										 function->result_len);
		MemoryContextSwitchTo(old);
	}
	return !result->plan->stops_early;
}

static void
on_shutdown(DestReceiver *self)
{
}

static void
run_plan(BodyResult *result, RtArguments *arguments)
{
	SPIExecuteOptions options;
	int			code;

	result->receiver.receiveSlot = on_row;
	result->receiver.rStartup = on_startup;
	result->receiver.rShutdown = on_shutdown;
	result->receiver.rDestroy = on_shutdown;
	result->receiver.mydest = DestTuplestore;	/* any that keeps rows */

	memset(&options, 0, sizeof(options));
	options.read_only = result->function->volatility != PROVOLATILE_VOLATILE;
	options.dest = &result->receiver;
	options.params = rt_arguments_params(result->function, arguments);
	code = SPI_execute_plan_extended(result->plan->plan, &options);
	if (code < 0)
		elog(ERROR, "could not run the body of function \"%s\": %s",
			 result->function->name, SPI_result_code_string(code));
}

bool
rt_sql_body_run(RtFunction *function, RtArguments *arguments,
				NullableDatum *value)
{
	BodyResult	result;
	RtRolePlan *plan;

	memset(&result, 0, sizeof(result));
	result.function = function;
	result.value = value;
	result.context = CurrentMemoryContext;
	value->value = (Datum) 0;
	value->isnull = true;

	SPI_connect();
	plan = plan_of_role(function);
	rt_role_plan_note_use(plan);
	result.plan = plan;
	if (!plan->refused)
		run_plan(&result, arguments);
	SPI_finish();
	return !plan->refused;
}

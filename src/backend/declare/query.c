/*
 * query.c
 *		realtime.query(): what stands in the declaration of a live query is
 *		checked here, once, and the tables that it reads get their triggers.
 *
 * The text is stored as it is understood now, all names with their schemas, so
 * that it means the same whatever the search_path of who runs it.
 */
#include "postgres.h"

#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/backend/declare/stream.h"
#include "src/backend/watch/watch.h"
#include "src/catalog/query_text.h"
#include "src/query/analysis.h"

/* Positions of parameters, as in src/sql */
enum
{
	QUERY_PATH,
	QUERY_SQL,
	QUERY_LOADER,
	QUERY_KEY,
	QUERY_PARAMETERS,
	QUERY_DEPENDS_ON,
	QUERY_STALE_AFTER,
	QUERY_DEBOUNCE,
	QUERY_MAX_ROWS,
	QUERY_ACCESS,
	QUERY_GUARD,
	QUERY_TRANSFORM,
	QUERY_ON_SUBSCRIBE,
	QUERY_ON_UNSUBSCRIBE,
	QUERY_ON_ERROR,
	QUERY_MAX,
	QUERY_PREPEND,
	QUERY_CLASS_OF_SERVICE
};

static const RtCheckedFunction *check_text(FunctionCallInfo fcinfo, RtQueryRow *row);
static const RtCheckedFunction *check_loader(FunctionCallInfo fcinfo, RtQueryRow *row);
static const RtCheckedFunction *check_sql(FunctionCallInfo fcinfo, RtQueryRow *row);
static void check_options(FunctionCallInfo fcinfo, RtQueryRow *row);
static void check_functions(FunctionCallInfo fcinfo, RtQueryRow *row,
							const RtCheckedFunction *parameters);
static RtQuery *analyze(const RtQueryRow *row, const char *sql);
static void check_query(RtQuery *query, const char *sql);
static char *qualify(const char *sql, const RtQuery *query);

PG_FUNCTION_INFO_V1(realtime_query);

Datum
realtime_query(PG_FUNCTION_ARGS)
{
	RtQueryRow	row = {0};
	const RtCheckedFunction *parameters;

	rt_parameter_lock_functions(fcinfo);
	row.path = rt_parameter_path(fcinfo, QUERY_PATH);
	rt_store_begin_query(row.path);
	check_options(fcinfo, &row);
	parameters = check_text(fcinfo, &row);
	check_functions(fcinfo, &row, parameters);

	rt_store_query(&row);
	rt_watch_keep();
	PG_RETURN_VOID();
}

/* ---- options ---- */

static int
positive(FunctionCallInfo fcinfo, int number, const char *name, const char *hint)
{
	int			value;

	if (PG_ARGISNULL(number))
		rt_parameter_refuse_null(name);
	value = PG_GETARG_INT32(number);
	if (value <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be greater than 0", name),
				 errhint("%s", hint)));
	return value;
}

/* OIDs in an array, none of them NULL; a NULL array has none. */
static List *
read_oids(FunctionCallInfo fcinfo, int number, const char *name, Oid type)
{
	List	   *oids = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(number))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), type, sizeof(Oid), true,
					  TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			rt_parameter_refuse_null(name);
		oids = lappend_oid(oids, DatumGetObjectId(elements[i]));
	}
	return oids;
}

/* 0, unlike other intervals, is allowed. */
static Interval *
read_debounce(FunctionCallInfo fcinfo)
{
	Interval   *interval;

	if (PG_ARGISNULL(QUERY_DEBOUNCE))
		rt_parameter_refuse_null("debounce");
	interval = PG_GETARG_INTERVAL_P(QUERY_DEBOUNCE);
	if (interval->time == 0 && interval->day == 0 && interval->month == 0)
		return interval;
	return rt_parameter_interval(fcinfo, QUERY_DEBOUNCE, "debounce", PG_INT32_MAX);
}

static void
check_options(FunctionCallInfo fcinfo, RtQueryRow *row)
{
	row->key = rt_parameter_text(fcinfo, QUERY_KEY, "key");
	row->depends_on = read_oids(fcinfo, QUERY_DEPENDS_ON, "depends_on", REGCLASSOID);
	row->parameters = read_oids(fcinfo, QUERY_PARAMETERS, "parameters", REGTYPEOID);
	row->stale_after = rt_parameter_interval(fcinfo, QUERY_STALE_AFTER,
											 "stale_after", PG_INT32_MAX);
	row->debounce = read_debounce(fcinfo);
	row->max_rows = positive(fcinfo, QUERY_MAX_ROWS, "max_rows",
							 "It is the number of rows that the result may have.");
	if (!PG_ARGISNULL(QUERY_MAX))
		row->max = positive(fcinfo, QUERY_MAX, "max",
							"It is the number of rows that clients keep.");
	row->prepend = rt_parameter_bool(fcinfo, QUERY_PREPEND, "prepend");
	row->class_of_service = rt_parameter_class(fcinfo, QUERY_CLASS_OF_SERVICE);
}

/* ---- the query ---- */

/* Returns what has the parameters of the query. */
static const RtCheckedFunction *
check_text(FunctionCallInfo fcinfo, RtQueryRow *row)
{
	bool		has_sql = !PG_ARGISNULL(QUERY_SQL);

	if (has_sql == !PG_ARGISNULL(QUERY_LOADER))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a live query needs either sql or loader"),
				 errhint("For example: sql => 'SELECT id, title FROM todo WHERE list = $1'.")));
	return has_sql ? check_sql(fcinfo, row) : check_loader(fcinfo, row);
}

static const RtCheckedFunction *
check_sql(FunctionCallInfo fcinfo, RtQueryRow *row)
{
	char	   *sql = rt_parameter_text(fcinfo, QUERY_SQL, "sql");
	RtQuery    *query = analyze(row, sql);
	RtCheckedFunction *parameters = palloc0(sizeof(RtCheckedFunction));

	check_query(query, sql);
	row->sql = qualify(sql, query);
	list_free(row->parameters);
	row->parameters = NIL;
	for (int i = 0; i < query->param_count; i++)
		row->parameters = lappend_oid(row->parameters, query->param_types[i]);

	parameters->signature = pstrdup(row->path);
	parameters->purpose = "a query";
	parameters->parameter_count = query->param_count;
	parameters->parameter_types = query->param_types;
	parameters->parameter_names = palloc0(sizeof(char *) * Max(query->param_count, 1));
	return parameters;
}

pg_noreturn static void
refuse_loader(const RtCheckedFunction *loader, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("function %s cannot be the loader of a live query",
					loader->signature),
			 errdetail_internal("%s", detail),
			 errhint("It must be a STABLE function of LANGUAGE sql that returns rows.")));
}

static const RtCheckedFunction *
check_loader(FunctionCallInfo fcinfo, RtQueryRow *row)
{
	Oid			oid = PG_GETARG_OID(QUERY_LOADER);
	const RtCheckedFunction *loader = rt_function_check_any(oid, "a loader");
	HeapTuple	tuple;
	Oid			language;

	if (row->parameters != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters needs sql"),
				 errdetail("A loader has parameters of its own.")));
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	ReleaseSysCache(tuple);
	if (language != SQLlanguageId)
		refuse_loader(loader, _("Its language is another one."));
	if (func_volatile(oid) == PROVOLATILE_VOLATILE)
		refuse_loader(loader, _("It is VOLATILE."));
	if (!loader->returns_set)
		refuse_loader(loader, _("It returns one value."));
	row->loader = loader->signature;
	for (int i = 0; i < loader->parameter_count; i++)
		row->parameters = lappend_oid(row->parameters, loader->parameter_types[i]);
	check_query(analyze(row, rt_query_text_of_loader(oid)), NULL);
	return loader;
}

/* A place in the query is none in the statement that declares it. */
static void
describe_place(void *arg)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery((const char *) arg);
}

static RtQuery *
analyze(const RtQueryRow *row, const char *sql)
{
	int			count = list_length(row->parameters);
	Oid		   *types = palloc(sizeof(Oid) * Max(count, 1));
	RtQuerySource source = {
		.sql = sql,
		.param_types = count > 0 ? types : NULL,
		.param_count = count,
		.key = row->key,
		.depends_on = row->depends_on,
		.may_be_stale = row->stale_after != NULL,
		.all_roles = true
	};
	ErrorContextCallback callback;
	RtQuery    *query;

	for (int i = 0; i < count; i++)
		types[i] = list_nth_oid(row->parameters, i);
	callback.callback = describe_place;
	callback.arg = unconstify(char *, sql);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	PushActiveSnapshot(GetTransactionSnapshot());
	query = rt_query_analyze(&source);
	PopActiveSnapshot();
	error_context_stack = callback.previous;
	return query;
}

/* How many columns the author sorts by. */
static int
sort_count(const char *sql)
{
	RawStmt    *statement = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));

	return list_length(((SelectStmt *) statement->stmt)->sortClause);
}

static void
check_query(RtQuery *query, const char *sql)
{
	ListCell   *cell;

	foreach(cell, query->relations)
		rt_watch_check_consent(((RtQueryRelation *) lfirst(cell))->relid);
	if (sql != NULL && (query->limit != NULL || query->offset != NULL) &&
		list_length(query->sort) > sort_count(sql))
		ereport(NOTICE,
				(errmsg("rows of the query are ordered by the key, too"),
				 errdetail("With LIMIT or OFFSET it must be known which rows come first among those that ORDER BY does not tell apart.")));
}

/* With an empty search_path every name is written with its schema. */
static char *
qualify(const char *sql, const RtQuery *query)
{
	RawStmt    *statement = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));
	Query	   *tree = parse_analyze_fixedparams(statement, sql, query->param_types,
												 query->param_count, NULL);
	int			guc_level = NewGUCNestLevel();
	char	   *qualified;

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	qualified = pg_get_querydef(tree, false);
	AtEOXact_GUC(true, guc_level);
	return qualified;
}

/* ---- functions ---- */

static void
check_functions(FunctionCallInfo fcinfo, RtQueryRow *row,
				const RtCheckedFunction *parameters)
{
	static const struct
	{
		RtStreamFunction function;
		int			position;
	}			others[] =
	{
		{RT_STREAM_TRANSFORM, QUERY_TRANSFORM},
		{RT_STREAM_ON_SUBSCRIBE, QUERY_ON_SUBSCRIBE},
		{RT_STREAM_ON_UNSUBSCRIBE, QUERY_ON_UNSUBSCRIBE},
		{RT_STREAM_ON_ERROR, QUERY_ON_ERROR}
	};

	if (!PG_ARGISNULL(QUERY_ACCESS))
	{
		const RtCheckedFunction *access =
			rt_function_check_any(PG_GETARG_OID(QUERY_ACCESS), "an access function");

		rt_function_check_stream_access(access, parameters);
		row->functions[RT_STREAM_ACCESS] = access->signature;
	}
	row->guards = rt_parameter_guards(fcinfo, QUERY_GUARD, parameters);
	for (int i = 0; i < lengthof(others); i++)
	{
		if (!PG_ARGISNULL(others[i].position))
			row->functions[others[i].function] =
				rt_stream_check_function(PG_GETARG_OID(others[i].position),
										 others[i].function, parameters);
	}
}

/*
 * explain.c
 *		How a live query is kept true, told to people.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/query/explain.h"
#include "src/query/run.h"
#include "src/query/scans.h"
#include "src/query/tally.h"

#define EXPLAIN_COLUMNS 12

typedef struct Line
{
	int			count;
	Datum		values[EXPLAIN_COLUMNS];
	bool		nulls[EXPLAIN_COLUMNS];
} Line;

PG_FUNCTION_INFO_V1(realtime_query_explain);

static void put(Line *line, const char *text);
static char *relation_name(Oid relation);
static char *column_names(Oid relation, const Bitmapset *columns);
static char *filters_text(const RtQueryRelation *relation);
static char *path_text(const RtQueryRelation *relation);
static char *plan_text(RtQueryPlan *plan);
static char *tally_text(const RtQuery *query);
static void put_scan(Oid relation, Oid index, void *arg);

void
rt_query_explain(RtQuery *query, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	foreach(cell, query->relations)
	{
		const RtQueryRelation *relation = lfirst(cell);
		Line		line = {0};

		put(&line, relation_name(relation->relid));
		put(&line, relation->alias);
		put(&line, relation->where);
		put(&line, column_names(relation->relid, relation->used));
		put(&line, column_names(relation->relid, relation->needed));
		put(&line, filters_text(relation));
		put(&line, relation->cut < 0 ? NULL :
			((RtQueryCut *) list_nth(query->cuts, relation->cut))->name);
		put(&line, path_text(relation));
		put(&line, relation->cut < 0 ? NULL :
			plan_text(rt_query_plan(query, RT_QUERY_VALUE, relation->cut)));
		put(&line, relation->why_full);
		put(&line, relation->hint);
		put(&line, tally_text(query));
		tuplestore_putvalues(result->setResult, result->setDesc, line.values,
							 line.nulls);
	}
	SPI_finish();
}

static void
put(Line *line, const char *text)
{
	int			number = line->count++;

	line->nulls[number] = text == NULL;
	if (text != NULL)
		line->values[number] = CStringGetTextDatum(text);
}

static char *
relation_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

static char *
column_names(Oid relation, const Bitmapset *columns)
{
	StringInfoData names;
	int			attnum = -1;

	if (bms_is_empty(columns))
		return NULL;
	if (bms_is_member(0, columns))
		return pstrdup("all");
	initStringInfo(&names);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 get_attname(relation, attnum, false));
	return names.data;
}

/* Columns that are compared with what is the same for all rows. */
static char *
filters_text(const RtQueryRelation *relation)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, relation->filters)
	{
		const RtQueryFilter *filter = lfirst(cell);

		appendStringInfo(&text, "%s%s = ", text.len > 0 ? ", " : "",
						 get_attname(relation->relid, filter->attnum, false));
		if (filter->param > 0)
			appendStringInfo(&text, "$%d", filter->param);
		else
			appendStringInfoString(&text, filter->reads_caller ? "caller" : "constant");
	}
	if (relation->conditions != NIL)
		appendStringInfo(&text, "%s%d own", text.len > 0 ? ", " : "",
						 list_length(relation->conditions));
	return text.len > 0 ? text.data : NULL;
}

/* list_id, list: id to owner */
static char *
path_text(const RtQueryRelation *relation)
{
	StringInfoData text;
	ListCell   *cell;

	if (relation->cut < 0)
		return NULL;
	initStringInfo(&text);
	appendStringInfoString(&text, get_attname(relation->relid, relation->source, false));
	foreach(cell, relation->path)
	{
		const RtQueryHop *hop = lfirst(cell);

		appendStringInfo(&text, ", %s: %s to %s", get_rel_name(hop->relation),
						 get_attname(hop->relation, hop->from, false),
						 get_attname(hop->relation, hop->to, false));
	}
	return text.data;
}

static char *
tally_text(const RtQuery *query)
{
	if (query->tally != NULL)
		return pstrdup(query->tally->described);
	return query->why_no_tally == NULL ? NULL :
		psprintf("none: %s", query->why_no_tally);
}

/* The scans of a plan. */
static char *
plan_text(RtQueryPlan *plan)
{
	StringInfoData text;

	initStringInfo(&text);
	rt_query_scans(rt_query_planned(plan), put_scan, &text);
	return text.data;
}

static void
put_scan(Oid relation, Oid index, void *arg)
{
	StringInfo	text = arg;

	appendStringInfo(text, "%s%s %s", text->len > 0 ? ", " : "",
					 OidIsValid(index) ? "index" : "seq scan",
					 get_rel_name(OidIsValid(index) ? index : relation));
}

/*
 * query_explain(sql text, key text, types regtype[], depends_on regclass[],
 * may_be_stale boolean), for tests: of a query that is not declared.
 */
Datum
realtime_query_explain(PG_FUNCTION_ARGS)
{
	RtQuerySource source = {
		.sql = text_to_cstring(PG_GETARG_TEXT_PP(0)),
		.key = text_to_cstring(PG_GETARG_TEXT_PP(1)),
		.may_be_stale = PG_GETARG_BOOL(4),
		.all_roles = true
	};
	Datum	   *elements;
	int			count;
	RtQuery    *query;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), REGTYPEOID, sizeof(Oid), true,
					  TYPALIGN_INT, &elements, NULL, &source.param_count);
	if (source.param_count > 0)
	{
		Oid		   *types = palloc(sizeof(Oid) * source.param_count);

		for (int i = 0; i < source.param_count; i++)
			types[i] = DatumGetObjectId(elements[i]);
		source.param_types = types;
	}
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), REGCLASSOID, sizeof(Oid), true,
					  TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
		source.depends_on = lappend_oid(source.depends_on,
										DatumGetObjectId(elements[i]));
	query = rt_query_analyze(&source);
	rt_query_explain(query, fcinfo);
	rt_query_free(query);
	return (Datum) 0;
}

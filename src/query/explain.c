/*
 * explain.c
 *		How a live query is kept true, told to people.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/query/explain.h"

#define EXPLAIN_COLUMNS 11

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

void
rt_query_explain(RtQuery *query, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, query->relations)
	{
		const RtQueryRelation *relation = lfirst(cell);
		Line		line = {0};

		put(&line, relation_name(relation->relid));
		put(&line, relation->alias);
		put(&line, relation->where);
		put(&line, column_names(relation->relid, relation->used));
		put(&line, column_names(relation->relid, relation->needed));
		put(&line, NULL);
		put(&line, NULL);
		put(&line, NULL);
		put(&line, NULL);
		put(&line, relation->why_full);
		put(&line, relation->hint);
		tuplestore_putvalues(result->setResult, result->setDesc, line.values,
							 line.nulls);
	}
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

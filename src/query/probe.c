/*
 * probe.c
 *		What a live query gives and what changes of rows mean to it, for tests: of
 *		a query that is not declared.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "src/query/run.h"

/* The arguments that both functions begin with. */
typedef struct Probe
{
	RtQuery    *query;
	Datum	   *values;			/* of the parameters, and room for one more */
	char	   *nulls;
	ReturnSetInfo *result;
} Probe;

/* What rt_query_values() is to tell to. */
typedef struct Telling
{
	Probe	   *probe;
	int			cut;
} Telling;

PG_FUNCTION_INFO_V1(realtime_query_values);
PG_FUNCTION_INFO_V1(realtime_query_rows);

static Datum
value_from_text(Oid type, char *text)
{
	Oid			input;
	Oid			param;

	getTypeInputInfo(type, &input, &param);
	return OidInputFunctionCall(input, text, param, -1);
}

static char *
value_as_text(Oid type, Datum value)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}

static void
read_arguments(Probe *probe, ArrayType *array)
{
	RtQuery    *query = probe->query;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (count != query->param_count)
		elog(ERROR, "the query has %d parameters", query->param_count);
	probe->values = palloc0(sizeof(Datum) * (count + 1));
	probe->nulls = palloc0(count + 1);
	for (int i = 0; i < count; i++)
	{
		probe->nulls[i] = nulls[i] ? 'n' : ' ';
		if (!nulls[i])
			probe->values[i] = value_from_text(query->param_types[i],
											   TextDatumGetCString(elements[i]));
	}
	probe->nulls[count] = ' ';
}

/* sql text, key text, arguments text[] */
static void
begin_probe(Probe *probe, FunctionCallInfo fcinfo)
{
	RtQuerySource source = {
		.sql = text_to_cstring(PG_GETARG_TEXT_PP(0)),
		.key = text_to_cstring(PG_GETARG_TEXT_PP(1))
	};

	probe->query = rt_query_analyze(&source);
	read_arguments(probe, PG_GETARG_ARRAYTYPE_P(2));
	InitMaterializedSRF(fcinfo, 0);
	probe->result = (ReturnSetInfo *) fcinfo->resultinfo;
	SPI_connect();
}

static void
end_probe(Probe *probe)
{
	SPI_finish();
	rt_query_free(probe->query);
}

/* ---- values ---- */

static void
tell_value(Datum value, bool is_null, void *arg)
{
	Telling    *telling = arg;
	const RtQueryCut *cut = list_nth(telling->probe->query->cuts, telling->cut);
	Datum		values[3];
	bool		nulls[3] = {false, is_null, false};

	values[0] = Int32GetDatum(telling->cut);
	if (!is_null)
		values[1] = CStringGetTextDatum(value_as_text(cut->type, value));
	values[2] = Int64GetDatum((int64) rt_query_cut_hash(cut, value, is_null));
	tuplestore_putvalues(telling->probe->result->setResult,
						 telling->probe->result->setDesc, values, nulls);
}

static void
tell_full(Probe *probe)
{
	Datum		values[3] = {Int32GetDatum(-1)};
	bool		nulls[3] = {false, true, true};

	tuplestore_putvalues(probe->result->setResult, probe->result->setDesc, values, nulls);
}

static TupleTableSlot *
make_image(Oid relation, char *text)
{
	Oid			type = get_rel_type_id(relation);
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);
	TupleTableSlot *image = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);

	ExecStoreHeapTupleDatum(value_from_text(type, text), image);
	return image;
}

static ParamListInfo
arguments_of(const Probe *probe)
{
	const RtQuery *query = probe->query;
	ParamListInfo arguments = makeParamList(query->param_count);

	for (int i = 0; i < query->param_count; i++)
	{
		arguments->params[i].value = probe->values[i];
		arguments->params[i].isnull = probe->nulls[i] == 'n';
		arguments->params[i].ptype = query->param_types[i];
	}
	return arguments;
}

/* What an image of a row means to each occurrence of its relation. */
static void
tell_image(Probe *probe, Oid relid, char *text)
{
	ListCell   *cell;

	foreach(cell, probe->query->relations)
	{
		RtQueryRelation *relation = lfirst(cell);
		Telling		telling = {.probe = probe,.cut = relation->cut};
		TupleTableSlot *image;

		if (relation->relid != relid)
			continue;
		image = make_image(relid, pstrdup(text));
		if (!rt_query_passes(probe->query, relation, arguments_of(probe), image))
			continue;
		if (relation->cut < 0)
			tell_full(probe);
		else
			rt_query_values(probe->query, relation, &image, 1, NULL,
							tell_value, &telling);
	}
}

/*
 * query_values(sql, key, arguments, relations oid[], images text[]): what these
 * rows mean; cut -1: all of the query is to be run.
 */
Datum
realtime_query_values(PG_FUNCTION_ARGS)
{
	Probe		probe;
	Datum	   *relations;
	Datum	   *images;
	int			count;
	int			image_count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), OIDOID, sizeof(Oid), true,
					  TYPALIGN_INT, &relations, NULL, &count);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(4), TEXTOID, -1, false,
					  TYPALIGN_INT, &images, NULL, &image_count);
	begin_probe(&probe, fcinfo);
	for (int i = 0; i < Min(count, image_count); i++)
		tell_image(&probe, DatumGetObjectId(relations[i]), TextDatumGetCString(images[i]));
	end_probe(&probe);
	return (Datum) 0;
}

/* ---- rows ---- */

static Datum
columns_as_text(HeapTuple tuple, TupleDesc desc, const AttrNumber *columns, int count)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < count; i++)
	{
		char	   *value = SPI_getvalue(tuple, desc, columns != NULL ? columns[i] : i + 1);

		appendStringInfo(&text, "%s%s", i > 0 ? "|" : "", value != NULL ? value : "-");
	}
	return CStringGetTextDatum(text.data);
}

static Datum
hashes_of_cuts(const RtQuery *query, HeapTuple tuple, TupleDesc desc)
{
	int			count = list_length(query->cuts);
	Datum	   *hashes = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
	{
		const RtQueryCut *cut = list_nth(query->cuts, i);
		bool		is_null;
		Datum		value = SPI_getbinval(tuple, desc, cut->column, &is_null);

		hashes[i] = Int64GetDatum((int64) rt_query_cut_hash(cut, value, is_null));
	}
	return PointerGetDatum(construct_array(hashes, count, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
put_row(Probe *probe, HeapTuple tuple, TupleDesc desc)
{
	const RtQuery *query = probe->query;
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = columns_as_text(tuple, desc, query->key_columns, query->key_count);
	values[1] = columns_as_text(tuple, desc, NULL, query->column_count);
	values[2] = hashes_of_cuts(query, tuple, desc);
	tuplestore_putvalues(probe->result->setResult, probe->result->setDesc, values, nulls);
}

static void
run_plan(Probe *probe, RtQueryPlan *plan)
{
	uint64		count = rt_query_run(plan, probe->values, probe->nulls, NULL, 0);

	for (uint64 i = 0; i < count; i++)
		put_row(probe, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
}

/* text: NULL for NULL */
static void
run_restricted(Probe *probe, int number, char *text)
{
	RtQuery    *query = probe->query;
	const RtQueryCut *cut = list_nth(query->cuts, number);

	if (text != NULL)
		probe->values[query->param_count] = value_from_text(cut->type, text);
	run_plan(probe, rt_query_plan(query, text != NULL ? RT_QUERY_VALUE : RT_QUERY_NULL,
								  number));
}

/*
 * query_rows(sql, key, arguments, cuts integer[], value text[]): those with a
 * value in a cut, for each of them, or all rows if there are none.
 */
Datum
realtime_query_rows(PG_FUNCTION_ARGS)
{
	Probe		probe;
	Datum	   *cuts;
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int			value_count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), INT4OID, sizeof(int32), true,
					  TYPALIGN_INT, &cuts, NULL, &count);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(4), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, &nulls, &value_count);
	begin_probe(&probe, fcinfo);
	for (int i = 0; i < Min(count, value_count); i++)
		run_restricted(&probe, DatumGetInt32(cuts[i]),
					   nulls[i] ? NULL : TextDatumGetCString(values[i]));
	if (count == 0)
		run_plan(&probe, rt_query_plan(probe.query, RT_QUERY_FULL, -1));
	end_probe(&probe);
	return (Datum) 0;
}

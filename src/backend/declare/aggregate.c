/*
 * aggregate.c
 *		realtime.aggregate() and its windows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/typcache.h"

#include "src/aggregate/reducer.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/source.h"
#include "src/backend/declare/store.h"
#include "src/backend/declare/store_aggregate.h"
#include "src/backend/declare/template_check.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/aggregate_store.h"
#include "src/catalog/declaration.h"

#define REDUCERS_MAX 100
#define NAME_MAX_LEN 255		/* bytes, of a member */

/* Positions of parameters, as in src/sql */
enum
{
	AGGREGATE_PATH,
	AGGREGATE_SOURCE,
	AGGREGATE_TOPIC,
	AGGREGATE_REDUCERS
};

enum
{
	OPTIONS_PATH,
	OPTIONS_SOURCE,
	OPTIONS_REDUCERS,
	OPTIONS_TOPIC,
	OPTIONS_ACCESS,
	OPTIONS_GUARD,
	OPTIONS_SNAPSHOT,
	OPTIONS_CLASS_OF_SERVICE
};

/* Columns of realtime.reducer */
enum
{
	REDUCER_NAME,
	REDUCER_AGGREGATE,
	REDUCER_FIELD,
	REDUCER_COLUMNS
};

static const RtFunctionShape access_shape = {
	.purpose = "an access function", .result = BOOLOID,
	.takes = gettext_noop("It takes nothing, and returns boolean.")
};

/* ---- reducers ---- */

static void
refuse_reducers(const char *message, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errdetail_internal("%s", detail),
			 errhint("For example: realtime.reducer('total', 'sum(numeric)', 'amount').")));
}

static char *
checked_name(Datum value, bool is_null, const List *others)
{
	char	   *name = is_null ? NULL : TextDatumGetCString(value);
	const ListCell *cell;

	if (name == NULL || name[0] == '\0' || strlen(name) > NAME_MAX_LEN)
		refuse_reducers("name of a reducer is not valid",
						psprintf(_("It is a member of the value: 1 to %d bytes."), NAME_MAX_LEN));
	foreach(cell, others)
	{
		if (strcmp(lfirst(cell), name) == 0)
			refuse_reducers("name of a reducer is not valid",
							psprintf(_("Two are called \"%s\"."), name));
	}
	return name;
}

static char *
checked_field(Datum value, bool is_null)
{
	char	   *field = is_null ? NULL : TextDatumGetCString(value);
	size_t		len = field == NULL ? 0 : strlen(field);

	if (field != NULL && (len == 0 || len > NAME_MAX_LEN || field[0] == '.' ||
						  field[len - 1] == '.' || strstr(field, "..") != NULL))
		refuse_reducers("field of a reducer is not valid",
						_("It is a member of the data, such as 'amount' or 'order.amount'."));
	return field;
}

/* The state that there is before the first event can be kept, and has a value. */
static void
add_initial_value(RtReducer *reducer, StringInfo value)
{
	RtReducerRun *run = rt_reducer_run_begin();
	RtReducerState state = rt_reducer_begin(reducer, run);

	state = rt_reducer_load(reducer, run, rt_reducer_save(reducer, run, &state));
	appendStringInfoChar(value, value->len == 0 ? '{' : ',');
	rt_text_write(value, reducer->name, strlen(reducer->name));
	appendStringInfoChar(value, ':');
	rt_reducer_finish(reducer, run, &state, value);
	rt_reducer_run_end(run);
}

static void
check_reducer(RtAggregateRow *row, const Datum *values, const bool *nulls, StringInfo initial)
{
	char	   *name = checked_name(values[REDUCER_NAME], nulls[REDUCER_NAME], row->names);
	char	   *field = checked_field(values[REDUCER_FIELD], nulls[REDUCER_FIELD]);
	RtReducer	reducer;

	if (nulls[REDUCER_AGGREGATE])
		refuse_reducers(psprintf("reducer \"%s\" has no aggregate", name), "");
	rt_function_lock(DatumGetObjectId(values[REDUCER_AGGREGATE]));
	rt_reducer_describe(&reducer, name, DatumGetObjectId(values[REDUCER_AGGREGATE]), field);
	rt_reducer_check_rights(&reducer, GetUserId());
	add_initial_value(&reducer, initial);
	row->names = lappend(row->names, name);
	row->aggregates = lappend(row->aggregates, unconstify(char *, reducer.signature));
	row->fields = lappend(row->fields, field != NULL ? field : "");
}

static void
check_element(RtAggregateRow *row, Datum element, StringInfo initial)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(element);
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header),
												   HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_data = header,.t_len = HeapTupleHeaderGetDatumLength(header)};
	Datum		values[REDUCER_COLUMNS];
	bool		nulls[REDUCER_COLUMNS];

	if (desc->natts != REDUCER_COLUMNS)
		elog(ERROR, "type realtime.reducer has %d columns", desc->natts);
	heap_deform_tuple(&tuple, desc, values, nulls);
	check_reducer(row, values, nulls, initial);
}

static void
check_reducers(FunctionCallInfo fcinfo, int number, RtAggregateRow *row)
{
	ArrayIterator iterator;
	Datum		element;
	bool		is_null;
	StringInfoData initial;

	initStringInfo(&initial);
	if (PG_ARGISNULL(number))
		rt_parameter_refuse_null("reducers");
	iterator = array_create_iterator(PG_GETARG_ARRAYTYPE_P(number), 0, NULL);
	while (array_iterate(iterator, &element, &is_null))
	{
		if (is_null)
			rt_parameter_refuse_null("reducer");
		check_element(row, element, &initial);
	}
	array_free_iterator(iterator);
	if (row->names == NIL || list_length(row->names) > REDUCERS_MAX)
		refuse_reducers("number of reducers is not valid",
						psprintf(_("An aggregate has 1 to %d."), REDUCERS_MAX));
	appendStringInfoChar(&initial, '}');
	row->initial = JsonbToCString(NULL, &DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																			 CStringGetDatum(initial.data)))->root,
								  initial.len);
}

/* ---- topics ---- */

static void
check_stream_topic(const char *topic, const char *path)
{
	rt_publish_check_topic(topic, strlen(topic));
	if (strpbrk(topic, "{}") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" must not have braces", topic),
				 errdetail("An aggregate has one value, on one topic.")));
	rt_template_check_class(topic, "ordered", path);
	rt_template_check_stream(topic, path, NULL, NULL);
}

static void
check_topic(FunctionCallInfo fcinfo, int number, RtAggregateRow *row)
{
	row->topic = PG_ARGISNULL(number) ? row->path : rt_parameter_text(fcinfo, number, "topic");
	check_stream_topic(row->topic, row->path);
}

/* Its windows, whose topics follow from that of the aggregate. */
static void
check_windows(const RtAggregateRow *row)
{
	const RtAggregateDeclaration *declared = rt_declaration_aggregate(row->path);
	const ListCell *cell;

	rt_source_check_cycle(row->source, row->topic);
	if (declared == NULL)
		return;
	foreach(cell, declared->windows)
	{
		const RtWindowDeclaration *window = lfirst(cell);
		char	   *topic = psprintf("%s:%s", row->topic, window->name);

		if (window->name[0] == '\0')
			continue;
		check_stream_topic(topic, row->path);
		rt_source_check_cycle(row->source, topic);
		rt_window_check_reducers(row->path, window->name, window->kind, row->aggregates);
	}
}

/* ---- realtime.aggregate() ---- */

static void
check_beginning(FunctionCallInfo fcinfo, int source, int topic, int reducers, RtAggregateRow *row)
{
	row->path = rt_parameter_path(fcinfo, AGGREGATE_PATH);
	rt_store_begin_aggregate(row->path);
	(void) rt_declarations_refresh();
	row->source = rt_parameter_source(fcinfo, source, "source");
	row->owner = GetUserId();
	check_reducers(fcinfo, reducers, row);
	check_topic(fcinfo, topic, row);
	check_windows(row);
}

PG_FUNCTION_INFO_V1(realtime_aggregate);
PG_FUNCTION_INFO_V1(realtime_aggregate_with_options);

Datum
realtime_aggregate(PG_FUNCTION_ARGS)
{
	RtAggregateRow row = {0};

	check_beginning(fcinfo, AGGREGATE_SOURCE, AGGREGATE_TOPIC, AGGREGATE_REDUCERS, &row);
	rt_store_aggregate(&row);
	PG_RETURN_VOID();
}

static const char *
checked_snapshot(Oid function)
{
	RtCheckedFunction *snapshot = rt_function_check_any(function, "a snapshot function");

	if (snapshot->result != JSONBOID || !snapshot->returns_set || snapshot->has_columns ||
		snapshot->parameter_count > snapshot->default_count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s cannot be a snapshot function", snapshot->signature),
				 errdetail("It takes nothing, and returns SETOF jsonb.")));
	return snapshot->signature;
}

Datum
realtime_aggregate_with_options(PG_FUNCTION_ARGS)
{
	RtAggregateRow row = {0};

	rt_parameter_lock_functions(fcinfo);
	check_beginning(fcinfo, OPTIONS_SOURCE, OPTIONS_TOPIC, OPTIONS_REDUCERS, &row);
	if (!PG_ARGISNULL(OPTIONS_ACCESS))
		row.access = rt_function_check_as(PG_GETARG_OID(OPTIONS_ACCESS), &access_shape, NULL);
	row.guards = rt_parameter_guards(fcinfo, OPTIONS_GUARD, NULL);
	if (!PG_ARGISNULL(OPTIONS_SNAPSHOT))
		row.snapshot = checked_snapshot(PG_GETARG_OID(OPTIONS_SNAPSHOT));
	row.class_of_service = rt_parameter_class(fcinfo, OPTIONS_CLASS_OF_SERVICE);
	rt_store_aggregate(&row);
	PG_RETURN_VOID();
}

/*
 * describe.c
 *		SQL functions: the columns that functions and live queries return.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "src/backend/declare/parameter.h"
#include "src/catalog/declaration.h"
#include "src/query/describe.h"

PG_FUNCTION_INFO_V1(realtime_function_columns);
PG_FUNCTION_INFO_V1(realtime_query_columns);

#define COLUMNS 4

static Datum
put(FunctionCallInfo fcinfo, const RtDescription *description)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, description->columns)
	{
		const RtDescribedColumn *column = lfirst(cell);
		Datum		values[COLUMNS];
		bool		nulls[COLUMNS] = {0};

		values[0] = CStringGetTextDatum(column->name);
		values[1] = ObjectIdGetDatum(column->type);
		values[2] = BoolGetDatum(column->is_required);
		values[3] = BoolGetDatum(description->has_row);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
realtime_function_columns(PG_FUNCTION_ARGS)
{
	RtDescription description = rt_describe_function(PG_GETARG_OID(0));

	return put(fcinfo, &description);
}

Datum
realtime_query_columns(PG_FUNCTION_ARGS)
{
	const RtStreamDeclaration *stream = rt_parameter_query(fcinfo, 0);
	RtDescription description;

	description = rt_describe_query(stream->query->sql, stream->query->parameter_types,
									stream->query->parameter_count);
	return put(fcinfo, &description);
}

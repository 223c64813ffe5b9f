/*
 * admission.c
 *		realtime.admission(): which classes of service give way when, and
 *		realtime.pressure.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/ipc/busy_topic.h"
#include "src/ipc/pressure.h"

#define PRESSURE_COLUMNS 6

/* Positions of parameters, as in src/sql */
enum
{
	ADMISSION_CLASS,
	ADMISSION_REASONS,
	ADMISSION_PREDICATE
};

static const RtFunctionShape predicate_shape = {
	.purpose = "a predicate of a class of service",
	.result = BOOLOID,
	.fixed_count = 1,
	.fixed = {JSONBOID},
	.fixed_may_end = true,
	.takes = gettext_noop("A predicate takes (pressure jsonb) or nothing and returns boolean: whether the class gives way.")
};

PG_FUNCTION_INFO_V1(realtime_admission);
PG_FUNCTION_INFO_V1(realtime_stat_get_pressure);

static List *
checked_reasons(FunctionCallInfo fcinfo)
{
	List	   *reasons;
	ListCell   *cell;

	if (PG_ARGISNULL(ADMISSION_REASONS))
		return NIL;
	reasons = rt_parameter_texts(fcinfo, ADMISSION_REASONS, "reasons");
	foreach(cell, reasons)
	{
		RtPressureReason reason = rt_pressure_of_name(lfirst(cell));

		if (reason == RT_PRESSURE_NONE || reason == RT_PRESSURE_REASONS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("reason \"%.80s\" does not exist", (char *) lfirst(cell)),
					 errhint("Reasons are MEMORY, EXECUTORS, PUBLISH_RATE and SUBSCRIBERS.")));
	}
	return reasons;
}

Datum
realtime_admission(PG_FUNCTION_ARGS)
{
	RtAdmissionRow row;

	rt_parameter_lock_functions(fcinfo);
	rt_store_begin_admission();
	row.name = rt_parameter_name(fcinfo, ADMISSION_CLASS, "class", "a class of service");
	row.reasons = checked_reasons(fcinfo);
	row.predicate = PG_ARGISNULL(ADMISSION_PREDICATE) ? NULL :
		rt_function_check_as(PG_GETARG_OID(ADMISSION_PREDICATE), &predicate_shape, NULL);
	rt_store_admission(&row);
	PG_RETURN_VOID();
}

static Datum
busy_topics(void)
{
	StringInfoData text;

	initStringInfo(&text);
	rt_busy_topics_write(&text);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

Datum
realtime_stat_get_pressure(PG_FUNCTION_ARGS)
{
	Datum		values[PRESSURE_COLUMNS];
	bool		nulls[PRESSURE_COLUMNS] = {0};
	RtPressure	pressure;
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rt_pressure_measure(&pressure);
	values[0] = CStringGetTextDatum(rt_pressure_name(pressure.reason));
	values[1] = Float8GetDatum(pressure.memory);
	values[2] = Float8GetDatum(pressure.executors);
	values[3] = Float8GetDatum(pressure.publish_rate);
	values[4] = Float8GetDatum(pressure.subscribers);
	values[5] = busy_topics();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

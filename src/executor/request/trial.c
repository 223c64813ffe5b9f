/*
 * trial.c
 *		With what a client would be refused, for tests of applications.
 *
 * The error of the call, or load, is translated as an executor would.  It is run in a
 * subtransaction, so the test goes on; if it is not refused, what it did is part of
 * the test's transaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "src/attempt.h"
#include "src/executor/request/load.h"

PG_FUNCTION_INFO_V1(realtime_test_refusal);

/* Positions, as in src/testing. */
#define FOLLOWS 3
#define COLUMNS 7

static void
run(void *arg)
{
	FunctionCallInfo fcinfo = arg;

	if (PG_GETARG_BOOL(FOLLOWS))
		(void) realtime_load(fcinfo);
	else
		(void) realtime_call(fcinfo);
}

static Datum
make_row(FunctionCallInfo fcinfo, const RtFault *fault)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result is no row");
	values[0] = CStringGetTextDatum(fault->code);
	values[1] = CStringGetTextDatum(fault->message);
	nulls[2] = fault->issues == NULL;
	if (!nulls[2])
		values[2] = DirectFunctionCall1(jsonb_in, CStringGetDatum(fault->issues));
	values[3] = Int32GetDatum(fault->retry_after_ms);
	nulls[3] = fault->retry_after_ms == 0;
	nulls[4] = fault->lock_key == NULL;
	if (!nulls[4])
		values[4] = CStringGetTextDatum(fault->lock_key);
	values[5] = Int32GetDatum(fault->max_wait_ms);
	nulls[5] = !fault->has_max_wait;
	values[6] = CStringGetTextDatum(unpack_sql_state(fault->sqlstate));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
realtime_test_refusal(PG_FUNCTION_ARGS)
{
	ErrorData  *error;
	RtFault		fault = {0};

	if (PG_ARGISNULL(FOLLOWS))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("whether a stream is followed must not be null")));
	error = rt_attempt(run, fcinfo);
	if (error == NULL)
		PG_RETURN_NULL();
	(void) rt_fault_from_error(&fault, error, rt_visit_last_scene());
	return make_row(fcinfo, &fault);
}

/*
 * reducer.c
 *		PostgreSQL's aggregates, run event by event with states that can be kept.
 *
 * As nodeAgg.c does it: a strict transition function is not called with NULLs,
 * and takes the first value as its state if there is no initial one; states live
 * in a context of their own, which functions ask for.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "libpq/pqformat.h"
#include "nodes/makefuncs.h"
#include "utils/datum.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "src/aggregate/reducer.h"

/* The first byte of a saved state. */
#define SAVED_EMPTY 0
#define SAVED_NULL 1
#define SAVED_VALUE 2

#define STATES_MEMORY ((Size) 16 * 1024 * 1024) /* that may be taken without a look */

/* ---- a run ---- */

RtReducerRun *
rt_reducer_run_begin(void)
{
	RtReducerRun *run = palloc0(sizeof(RtReducerRun));

	run->estate = CreateExecutorState();
	run->node = makeNode(AggState);
	run->node->ss.ps.state = run->estate;
	run->node->curaggcontext = CreateExprContext(run->estate);
	run->node->tmpcontext = CreateExprContext(run->estate);
	run->states = run->node->curaggcontext->ecxt_per_tuple_memory;
	run->moment = run->node->tmpcontext->ecxt_per_tuple_memory;
	return run;
}

/*
 * Functions may leave things where states live.  States that are large themselves
 * need not be looked at again before they have doubled.
 */
bool
rt_reducer_run_is_full(const RtReducerRun *run)
{
	return MemoryContextMemAllocated(run->states, true) > Max(STATES_MEMORY, run->needed * 2);
}

void
rt_reducer_run_empty(RtReducerRun *run)
{
	ReScanExprContext(run->node->curaggcontext);
}

void
rt_reducer_run_note_needed(RtReducerRun *run)
{
	run->needed = MemoryContextMemAllocated(run->states, true);
}

void
rt_reducer_run_end(RtReducerRun *run)
{
	FreeExecutorState(run->estate);
	pfree(run);
}

/* ---- calls ---- */

/* The caller has put the arguments there. */
static NullableDatum
call(FunctionCallInfo fcinfo)
{
	NullableDatum result;

	fcinfo->isnull = false;
	result.value = FunctionCallInvoke(fcinfo);
	result.isnull = fcinfo->isnull;
	return result;
}

#define set_up(fcinfo, function, count, reducer, run) \
	InitFunctionCallInfoData(*(fcinfo), (function), (count), (reducer)->collation, \
							 (Node *) (run)->node, NULL)

static void
set_argument(FunctionCallInfo fcinfo, int number, Datum value, bool is_null)
{
	fcinfo->args[number].value = value;
	fcinfo->args[number].isnull = is_null;
}

/* An expanded object that a function has made where states live is taken as it is. */
static Datum
adopt(const RtReducer *reducer, RtReducerRun *run, Datum value)
{
	MemoryContext old;

	if (DatumIsReadWriteExpandedObject(value, false, reducer->state_len) &&
		MemoryContextGetParent(DatumGetEOHP(value)->eoh_context) == run->states)
		return value;
	old = MemoryContextSwitchTo(run->states);
	value = datumCopy(value, reducer->state_by_value, reducer->state_len);
	MemoryContextSwitchTo(old);
	return value;
}

static void
free_value(const RtReducer *reducer, Datum value)
{
	if (DatumIsReadWriteExpandedObject(value, false, reducer->state_len))
		DeleteExpandedObject(value);
	else
		pfree(DatumGetPointer(value));
}

/* What a function has returned takes the place of the state. */
static void
replace(const RtReducer *reducer, RtReducerRun *run, RtReducerState *state,
		NullableDatum result)
{
	NullableDatum old = {state->value, state->is_null};

	state->is_empty = false;
	state->is_null = result.isnull;
	state->value = result.value;
	if (reducer->state_by_value ||
		(!old.isnull && !result.isnull &&
		 DatumGetPointer(result.value) == DatumGetPointer(old.value)))
		return;
	if (!result.isnull)
		state->value = adopt(reducer, run, result.value);
	if (!old.isnull)
		free_value(reducer, old.value);
}

/* Of a state that is to stay as it is. */
static NullableDatum
read_only(const RtReducer *reducer, const RtReducerState *state)
{
	return (NullableDatum)
	{
		MakeExpandedObjectReadOnly(state->value, state->is_null, reducer->state_len),
			state->is_null
	};
}

/* Of a strict function: whether it is not to be called, for what stands there then. */
static bool
is_skipped(const RtReducer *reducer, RtReducerRun *run, RtReducerState *state,
		   NullableDatum value)
{
	if (value.isnull)
		return true;
	if (state->is_empty)
	{
		replace(reducer, run, state, value);
		return true;
	}
	return state->is_null;
}

RtReducerState
rt_reducer_begin(RtReducer *reducer, RtReducerRun *run)
{
	RtReducerState state = {.is_null = reducer->initial == NULL, .is_empty = reducer->initial == NULL};
	MemoryContext old = MemoryContextSwitchTo(run->states);
	Oid			input;
	Oid			param;

	if (!state.is_null)
	{
		getTypeInputInfo(reducer->state_type, &input, &param);
		state.value = OidInputFunctionCall(input, pstrdup(reducer->initial), param, -1);
	}
	MemoryContextSwitchTo(old);
	return state;
}

void
rt_reducer_advance(RtReducer *reducer, RtReducerRun *run, RtReducerState *state,
				   NullableDatum arg)
{
	LOCAL_FCINFO(fcinfo, 2);
	MemoryContext old;

	if (reducer->advance.fn_strict && reducer->nargs > 0 &&
		is_skipped(reducer, run, state, arg))
		return;
	if (reducer->advance.fn_strict && state->is_null)
		return;
	old = MemoryContextSwitchTo(run->moment);
	set_up(fcinfo, &reducer->advance, reducer->nargs + 1, reducer, run);
	set_argument(fcinfo, 0, state->value, state->is_null);
	set_argument(fcinfo, 1, arg.value, arg.isnull);
	replace(reducer, run, state, call(fcinfo));
	MemoryContextSwitchTo(old);
	MemoryContextReset(run->moment);
}

void
rt_reducer_combine(RtReducer *reducer, RtReducerRun *run, RtReducerState *state,
				   const RtReducerState *other)
{
	LOCAL_FCINFO(fcinfo, 2);
	NullableDatum value = read_only(reducer, other);
	MemoryContext old;

	if (reducer->combine.fn_strict && is_skipped(reducer, run, state, value))
		return;
	old = MemoryContextSwitchTo(run->moment);
	set_up(fcinfo, &reducer->combine, 2, reducer, run);
	set_argument(fcinfo, 0, state->value, state->is_null);
	set_argument(fcinfo, 1, value.value, value.isnull);
	replace(reducer, run, state, call(fcinfo));
	MemoryContextSwitchTo(old);
	MemoryContextReset(run->moment);
}

/* ---- states as bytes ---- */

static bytea *
bytes_of_value(RtReducer *reducer, RtReducerRun *run, Datum value)
{
	LOCAL_FCINFO(fcinfo, 1);
	NullableDatum result;

	if (!OidIsValid(reducer->serialize.fn_oid))
		return SendFunctionCall(&reducer->send, value);
	set_up(fcinfo, &reducer->serialize, 1, reducer, run);
	set_argument(fcinfo, 0, value, false);
	result = call(fcinfo);
	if (result.isnull)
		elog(ERROR, "serialization of %s has returned NULL", reducer->signature);
	return DatumGetByteaPP(result.value);
}

bytea *
rt_reducer_save(RtReducer *reducer, RtReducerRun *run, const RtReducerState *state)
{
	bytea	   *bytes = state->is_null ? NULL :
		bytes_of_value(reducer, run, read_only(reducer, state).value);
	Size		len = bytes == NULL ? 0 : VARSIZE_ANY_EXHDR(bytes);
	bytea	   *saved = palloc(VARHDRSZ + 1 + len);

	SET_VARSIZE(saved, VARHDRSZ + 1 + len);
	*VARDATA(saved) = bytes != NULL ? SAVED_VALUE : state->is_empty ? SAVED_EMPTY : SAVED_NULL;
	if (bytes != NULL)
		memcpy(VARDATA(saved) + 1, VARDATA_ANY(bytes), len);
	return saved;
}

static bytea *
make_bytea(const char *bytes, Size len)
{
	bytea	   *made = palloc(VARHDRSZ + len);

	SET_VARSIZE(made, VARHDRSZ + len);
	memcpy(VARDATA(made), bytes, len);
	return made;
}

static Datum
value_of_bytes(RtReducer *reducer, RtReducerRun *run, const char *bytes, Size len)
{
	LOCAL_FCINFO(fcinfo, 2);
	StringInfoData buffer;
	NullableDatum result;

	if (!OidIsValid(reducer->deserialize.fn_oid))
	{
		initStringInfo(&buffer);
		appendBinaryStringInfo(&buffer, bytes, (int) len);
		return ReceiveFunctionCall(&reducer->receive, &buffer, reducer->receive_param, -1);
	}
	set_up(fcinfo, &reducer->deserialize, 2, reducer, run);
	set_argument(fcinfo, 0, PointerGetDatum(make_bytea(bytes, len)), false);
	set_argument(fcinfo, 1, (Datum) 0, false);
	result = call(fcinfo);
	if (result.isnull)
		elog(ERROR, "deserialization of %s has returned NULL", reducer->signature);
	return result.value;
}

RtReducerState
rt_reducer_load(RtReducer *reducer, RtReducerRun *run, const bytea *saved)
{
	RtReducerState state = {.is_null = true};
	const char *bytes = VARDATA_ANY(saved);
	Size		len = VARSIZE_ANY_EXHDR(saved);
	MemoryContext old;

	if (len == 0)
		elog(ERROR, "state of %s is empty", reducer->signature);
	state.is_empty = bytes[0] == SAVED_EMPTY;
	if (bytes[0] != SAVED_VALUE)
		return state;
	old = MemoryContextSwitchTo(run->states);
	state.is_null = false;
	state.value = value_of_bytes(reducer, run, bytes + 1, len - 1);
	MemoryContextSwitchTo(old);
	return state;
}

/* ---- values ---- */

static NullableDatum
final_value(RtReducer *reducer, RtReducerRun *run, const RtReducerState *state)
{
	LOCAL_FCINFO(fcinfo, 2);
	NullableDatum value = read_only(reducer, state);

	if (!OidIsValid(reducer->finish.fn_oid))
		return value;
	if (reducer->finish.fn_strict && (state->is_null || reducer->finish_args > 1))
		return (NullableDatum) {(Datum) 0, true};
	set_up(fcinfo, &reducer->finish, reducer->finish_args, reducer, run);
	set_argument(fcinfo, 0, value.value, value.isnull);
	set_argument(fcinfo, 1, (Datum) 0, true);
	return call(fcinfo);
}

void
rt_reducer_finish(RtReducer *reducer, RtReducerRun *run, const RtReducerState *state,
				  StringInfo out)
{
	MemoryContext old = MemoryContextSwitchTo(run->moment);
	NullableDatum value = final_value(reducer, run, state);

	rt_value_write(reducer->writer, out, value.value, value.isnull);
	MemoryContextSwitchTo(old);
	MemoryContextReset(run->moment);
}

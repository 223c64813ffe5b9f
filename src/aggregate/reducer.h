/*
 * reducer.h
 *		PostgreSQL's aggregates, run event by event with states that can be kept.
 *
 * A reducer is a member of what realtime.aggregate() computes.  Its state can be
 * saved as bytes and made of them again, in any process.
 */
#ifndef RT_AGGREGATE_REDUCER_H
#define RT_AGGREGATE_REDUCER_H

#include "src/compat.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"

#include "src/catalog/value_writer.h"

/* What is known about it, in the context in which it was described. */
typedef struct RtReducer
{
	const char *name;			/* of the member */
	const char *signature;		/* of the aggregate */
	const char *field;			/* member of the data; NULL = all of it */
	const char *kind;			/* what a saved state is of */
	Oid			aggregate;
	Oid			aggregate_owner;
	int			nargs;			/* 0 or 1 */
	Oid			arg_type;		/* what it wants of the data */
	Oid			collation;
	Oid			state_type;
	int16		state_len;
	bool		state_by_value;
	const char *initial;		/* NULL = NULL */
	FmgrInfo	advance;
	FmgrInfo	combine;		/* fn_oid InvalidOid = none, as of these: */
	FmgrInfo	finish;
	FmgrInfo	serialize;
	FmgrInfo	deserialize;
	FmgrInfo	send;			/* of the state's type, if it is not internal */
	FmgrInfo	receive;
	Oid			receive_param;
	int			finish_args;
	Oid			result_type;
	RtValueWriter *writer;
} RtReducer;

typedef struct RtReducerState
{
	Datum		value;
	bool		is_null;
	bool		is_empty;		/* of a strict function: nothing has come yet */
} RtReducerState;

/* Where states live, and what functions take for the query that they are run by. */
typedef struct RtReducerRun
{
	EState	   *estate;
	AggState   *node;
	MemoryContext states;
	MemoryContext moment;		/* of one call */
	Size		needed;			/* by states alone, when that was last found out */
} RtReducerRun;

/*
 * Describes an aggregate, in the current context.  Raises, with DETAIL and HINT,
 * if it will not do.
 */
extern void rt_reducer_describe(RtReducer *reducer, const char *name, Oid aggregate,
								const char *field);

/* Raises unless a role may have it computed. */
extern void rt_reducer_check_rights(const RtReducer *reducer, Oid role);

/* Whether an aggregate has a COMBINEFUNC. */
extern bool rt_reducer_may_combine(Oid aggregate);

/* In the current context; end frees all states that were made in it. */
extern RtReducerRun *rt_reducer_run_begin(void);
extern void rt_reducer_run_end(RtReducerRun *run);

/*
 * Whether states, and what functions have left beside them, take much memory.  Then all states
 * are saved, the run is emptied, and when they have been loaded again that is
 * noted as what they need.
 */
extern bool rt_reducer_run_is_full(const RtReducerRun *run);
extern void rt_reducer_run_empty(RtReducerRun *run);
extern void rt_reducer_run_note_needed(RtReducerRun *run);

/* Before the first event. */
extern RtReducerState rt_reducer_begin(RtReducer *reducer, RtReducerRun *run);

/* One event more: arg is what it wants of it. */
extern void rt_reducer_advance(RtReducer *reducer, RtReducerRun *run,
							   RtReducerState *state, NullableDatum arg);

/* As if what other is of had come, too. */
extern void rt_reducer_combine(RtReducer *reducer, RtReducerRun *run,
							   RtReducerState *state, const RtReducerState *other);

/* As a bytea in the current context, and back. */
extern bytea *rt_reducer_save(RtReducer *reducer, RtReducerRun *run,
							  const RtReducerState *state);
extern RtReducerState rt_reducer_load(RtReducer *reducer, RtReducerRun *run,
									  const bytea *saved);

/* Appends what it comes to as JSON.  The state must not be used afterwards. */
extern void rt_reducer_finish(RtReducer *reducer, RtReducerRun *run,
							  const RtReducerState *state, StringInfo out);

#endif							/* RT_AGGREGATE_REDUCER_H */

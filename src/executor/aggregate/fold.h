/*
 * fold.h
 *		Counts events in the windows of an aggregate, in one transaction.
 */
#ifndef RT_EXECUTOR_AGGREGATE_FOLD_H
#define RT_EXECUTOR_AGGREGATE_FOLD_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "src/aggregate/reducer.h"
#include "src/catalog/aggregate_store.h"
#include "src/catalog/declaration.h"
#include "src/catalog/intake_store.h"
#include "src/executor/function/arguments.h"

/* A part of a window, with a state for each reducer. */
typedef struct RtBucket
{
	TimestampTz begin;
	RtReducerState *states;
	bool		changed;		/* since it was read */
	bool		kept;			/* there is a row of it */
} RtBucket;

/* A window as it is in this transaction. */
typedef struct RtSlice
{
	const RtWindowDeclaration *window;
	const RtAggregateValue *kept;	/* as it was; NULL = it begins now */
	TimestampTz current;		/* the bucket of now */
	TimestampTz first;			/* the first that is not over, or was not when events
								 * were counted last */
	TimestampTz until;
	List	   *buckets;		/* RtBucket, ascending; of a sliding one perhaps only the
								 * current one, and what is behind it: */
	bool		is_whole;		/* all are there */
	RtBucket   *closed;			/* SLIDING: those before it, put together */
	int64		events;			/* counted now */
	int64		failed;
	const char *last_error;
} RtSlice;

typedef struct RtFold
{
	const RtAggregateDeclaration *declaration;
	RtReducer  *reducers;
	RtReducerRun *run;
	RtFunction *converter;		/* its parameters are what reducers take */
	RtArguments arguments;		/* of one event */
	MemoryContext context;		/* of all but what is of one event */
	MemoryContext event_context;
	TimestampTz now;
	TimestampTz cut;			/* before which all buckets have begun */
	bool		closes;			/* a tumbling window is over */
	bool		fills;			/* what came before is counted, and not events */
	bool		careful;		/* an ERROR in an event, or a value, is noted, and
								 * logged, and that is left out; else it is raised */
	List	   *slices;
} RtFold;

/*
 * Reads where the aggregate stands, which nobody else changes meanwhile, as of a
 * time.  In the current context.
 */
extern void rt_fold_begin(RtFold *fold, const RtAggregateDeclaration *declaration,
						  TimestampTz now);

/* Counts an event. */
extern void rt_fold_event(RtFold *fold, const RtIntakeEvent *event);

/* Counts data of what came before the first event, in windows without an end. */
extern void rt_fold_fill(RtFold *fold, Jsonb *data);

/*
 * Writes and publishes what has become of it.  all: windows that are over end.
 * Returns when the next one does.
 */
extern TimestampTz rt_fold_end(RtFold *fold, bool all);

/*
 * rt_attempt(), but a cancel, and what trying again can help against, are matters
 * of the whole transaction.
 */
extern ErrorData *rt_fold_attempt(void (*run) (void *arg), void *arg);

/* Parts of it (slice.c): the bucket that a time counts in, NULL = none any more. */
extern RtSlice *rt_slice_make(RtFold *fold, const RtWindowDeclaration *window,
							  const List *values);
extern RtBucket *rt_slice_bucket(RtFold *fold, RtSlice *slice, TimestampTz time);
extern RtBucket *rt_slice_find(RtFold *fold, RtSlice *slice, TimestampTz begin);

/* Writes one, and says whether it ends what is over. */
extern void rt_slice_settle(RtFold *fold, RtSlice *slice, bool all);

#endif							/* RT_EXECUTOR_AGGREGATE_FOLD_H */

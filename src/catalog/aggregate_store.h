/*
 * aggregate_store.h
 *		What aggregates have come to, as their tables keep it.
 *
 * A window is named by path and name, all events of an aggregate by "".
 */
#ifndef RT_CATALOG_AGGREGATE_STORE_H
#define RT_CATALOG_AGGREGATE_STORE_H

#include "src/compat.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* A row of realtime.aggregate_value. */
typedef struct RtAggregateValue
{
	const char *name;
	const char *definition;
	const char *value;			/* JSON */
	TimestampTz since;			/* DT_NOBEGIN = NULL */
	TimestampTz until;			/* DT_NOEND = NULL */
	int64		events;			/* when it is put: how many more */
	int64		failed;
	const char *last_error;		/* NULL = none, or as it is */
} RtAggregateValue;

/* A row of realtime.aggregate_state. */
typedef struct RtAggregateState
{
	const char *name;
	TimestampTz bucket;
	int			count;
	char	  **reducers;		/* what the states are of */
	bytea	  **states;
} RtAggregateState;

/*
 * Takes the aggregate for this transaction: others wait for its end or leave it
 * alone.  Returns false if another has it.
 */
extern bool rt_aggregate_take(const char *path);

/* Whether there is a value of what is defined so. */
extern bool rt_aggregate_has_value(const char *path, const char *definition);

/*
 * All of an aggregate, in the current context; and states of a window, by bucket, from
 * one on, before which comes that of '-infinity', if there is one.
 */
extern List *rt_aggregate_values(const char *path);
extern List *rt_aggregate_states(const char *path, const char *name, TimestampTz from);

/* The value of one window as JSON; NULL if there is none of what is defined so. */
extern char *rt_aggregate_value(const char *path, const char *name, const char *definition);

/* Inserts or replaces. */
extern void rt_aggregate_put_value(const char *path, const RtAggregateValue *value);
extern void rt_aggregate_put_state(const char *path, const RtAggregateState *state);

/* Removes the states of a window's buckets before one. */
extern void rt_aggregate_forget_buckets(const char *path, const char *name, TimestampTz before);

/* Removes a window with its states, and all that is not declared any more. */
extern void rt_aggregate_forget_window(const char *path, const char *name);
extern void rt_aggregate_forget_undeclared(void);

/* States are of an aggregate that has another signature now. */
extern void rt_aggregate_rename_function(const char *old_signature, const char *new_signature);

#endif							/* RT_CATALOG_AGGREGATE_STORE_H */

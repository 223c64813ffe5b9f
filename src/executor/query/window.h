/*
 * window.h
 *		A result in an order, and the few rows behind it.
 *
 * What is remembered of a query with ORDER BY or LIMIT are its first rows without
 * OFFSET, with what they are sorted by and as they are sent: those that clients
 * have and, if there is a LIMIT, some more.  All rows of the query that are not
 * behind the last of them are there, so if a row changes it is known whether it
 * is among them, and where.  If too many have left, the query is run again.
 */
#ifndef RT_EXECUTOR_QUERY_WINDOW_H
#define RT_EXECUTOR_QUERY_WINDOW_H

#include "src/executor/query/collector.h"

/* Which rows clients have, and how many are to be remembered. */
typedef struct RtWindow
{
	bool		is_limited;
	uint32		from;
	uint32		count;			/* if it is limited */
	uint32		most;
} RtWindow;

/*
 * Finds it for a query and the values of its parameters, as the current role;
 * returns false for a query that has none: without order, or with so many rows
 * that running it again is not much more.
 */
extern bool rt_window_find(RtWindow *window, const RtStreamDeclaration *declaration,
						   RtQuery *query, const NullableDatum *values);

/*
 * Rows in order.  Allocated in the current context; those that are collected
 * last as long as the collector.
 */
typedef struct RtWindowRow
{
	RtQueryRowKey key;
	uint64		hash;
	const uint64 *cuts;
	RtText		json;
	MinimalTuple sort;
	Datum	   *values;			/* of sort */
	bool	   *nulls;
} RtWindowRow;

typedef struct RtWindowRows
{
	uint32		count;
	bool		is_all;			/* there are none behind them */
	RtWindowRow *rows;
} RtWindowRows;

/* The first rows of a query, as they have been collected with their sort. */
extern void rt_window_first(RtWindowRows *rows, const RtWindow *window,
							const RtCollector *collector);

/*
 * What they are if those of a state that have values of the collector's
 * restriction have been replaced by those collected.  Returns false if there are
 * not enough: more have to be asked for.
 */
extern bool rt_window_merge(RtWindowRows *rows, const RtWindow *window,
							const RtCollector *collector, const RtQueryState *before);

/* What is to be remembered of them, unless it is too much. */
extern bool rt_window_fits(const RtWindowRows *rows);
extern RtQueryState *rt_window_state(const RtWindowRows *rows, const RtWindow *window,
									 const RtQuery *query);

/* Those that clients have: from first on, count of them. */
extern void rt_window_shown(const RtWindowRows *rows, const RtWindow *window,
							uint32 *first, uint32 *count);

/*
 * Of a state those rows that clients have, in their order: itself, or a copy in
 * the current context.
 */
extern const RtQueryState *rt_window_state_shown(const RtQueryState *state);

#endif							/* RT_EXECUTOR_QUERY_WINDOW_H */

/*
 * collector.h
 *		Rows of a live query as they come out of its plans: as JSON, and beside
 *		them their keys and what they hash to in the cuts.
 */
#ifndef RT_EXECUTOR_QUERY_COLLECTOR_H
#define RT_EXECUTOR_QUERY_COLLECTOR_H

#include "src/compat.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"

#include "src/catalog/declaration.h"
#include "src/catalog/value_writer.h"
#include "src/executor/query/restriction.h"
#include "src/executor/request/stream.h"
#include "src/ipc/query_state.h"
#include "src/protocol/text.h"
#include "src/query/analysis.h"
#include "src/query/run.h"

typedef struct RtCollector
{
	const RtStreamDeclaration *declaration;
	RtQuery    *query;
	RtStreamWork *transforms;	/* NULL = rows are sent as they are */

	TupleDesc	shown;			/* without hidden columns */
	RtRowWriter *writer;
	RtValueWriter **key_writers;
	const char *key_name;		/* as a JSON string */
	Datum	   *values;
	bool	   *nulls;

	uint32		row_count;
	uint32		row_max;		/* for which there is room */
	uint32		row_limit;		/* more are refused */
	StringInfoData rows;		/* "[{...},{...}", without the end */
	Size	   *ends;			/* of each row in it */
	StringInfoData keys;
	Size	   *key_ends;
	uint32		cut_count;
	int			key_cut;		/* the one that is the key, or -1 */
	uint64	   *cuts;			/* hashes, cut_count of each row */
	const RtRestriction *restriction;	/* rows that one of its values before the
										 * one at hand has found do not come again */
	List	   *gone;			/* without one, of int: rows of the state before that
								 * are not there any more */
	int			done;			/* of its values */
	TupleDesc	kept;			/* of columns that are kept of each row, or NULL */
	int		   *kept_columns;	/* then, which: of its values, from 0 */
	MinimalTuple *tuples;		/* of each row; detoasted */
	bool		is_tallied;		/* what is kept are tallies */
	int64		counted;		/* rows of all groups that have tallies */
	int64		largest;		/* of one of them */
	MemoryContext row_context;
} RtCollector;

/* In the current context. */
extern void rt_collector_begin(RtCollector *collector,
							   const RtStreamDeclaration *declaration, RtQuery *query);

/*
 * Likewise for the same query as another one, with which it shares what it needs
 * for a row: one of them collects at a time.
 */
extern void rt_collector_begin_like(RtCollector *collector, const RtCollector *other);

/*
 * Collects what rows are sorted by as well, or the tallies of groups, of those that
 * are run for next.  Before SPI is connected to, whose memory does not last as long.
 */
extern void rt_collector_keep_sort(RtCollector *collector);
extern void rt_collector_keep_tallies(RtCollector *collector);

/*
 * Runs a plan with the values of the query's parameters and, if it is not that
 * of all of it, one more, at the active snapshot, and collects its rows, only so
 * many first ones unless 0.  Raises if there are too many, or one without a key.
 * The caller has connected to SPI; what is collected outlives that.
 */
extern void rt_collector_run(RtCollector *collector, RtQueryPlan *plan,
							 const NullableDatum *values, Datum more, uint64 row_max);

/*
 * Collects one row that a plan has given, which may have columns more, by a value
 * of the restriction.  In the context of the collector.
 */
extern void rt_collector_take(RtCollector *collector, HeapTuple tuple, TupleDesc desc,
							  int value);

/* The same of one whose columns are the collector's values. */
extern void rt_collector_take_values(RtCollector *collector);

/* What has been collected of a row. */
extern RtQueryRowKey rt_collector_key(const RtCollector *collector, uint32 row);
extern RtText rt_collector_row(const RtCollector *collector, uint32 row);
extern const uint64 *rt_collector_cuts(const RtCollector *collector, uint32 row);

/* The key that a row with the collector's values has; until the next one. */
extern RtQueryRowKey rt_collector_key_of_values(RtCollector *collector);

/* What a row as it is sent hashes to. */
extern uint64 rt_query_row_hash(RtText row);

/*
 * A state without rows, with room for so many more than are collected, whose
 * keys and tallies have so many bytes; and one row into it, which raises if there is
 * one with its key.  It has tallies if the collector keeps them.
 */
extern RtQueryState *rt_collector_state(const RtCollector *collector, uint32 more_rows,
										Size more_key_bytes);
extern void rt_collector_add(const RtCollector *collector, RtQueryState *state, uint32 row);

/* The key that is a value of the restriction, in the cut that is the key. */
extern RtQueryRowKey rt_collector_key_of(const RtCollector *collector, RtCutValue *value);

/* Whether a row of a state has a value of the restriction, or one of the first ones. */
extern bool rt_collector_has(const RtCollector *collector, const RtQueryState *state,
							 uint32 row, RtCutValue *value);
extern bool rt_collector_has_any(const RtCollector *collector, const RtQueryState *state,
								 uint32 row, int count);

pg_noreturn extern void rt_query_refuse_duplicate(void);
pg_noreturn extern void rt_query_refuse_rows(int limit);

#endif							/* RT_EXECUTOR_QUERY_COLLECTOR_H */

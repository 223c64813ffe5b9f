/*
 * run.h
 *		Plans of a live query: all of it, or what has given values in a cut.
 */
#ifndef RT_QUERY_RUN_H
#define RT_QUERY_RUN_H

#include "src/query/analysis.h"

#include "executor/spi.h"
#include "executor/tuptable.h"

typedef enum RtQueryRunKind
{
	RT_QUERY_FULL,				/* as it is written */
	RT_QUERY_VALUE,				/* without LIMIT, the cut's column = one more parameter */
	RT_QUERY_NULL				/* without LIMIT, the cut's column IS NULL */
} RtQueryRunKind;

typedef struct RtQueryPlan RtQueryPlan;

/* Registers the hook; once, from _PG_init(). */
extern void rt_query_run_install(void);

/*
 * A plan that lives as long as the query, for the role that it was analysed
 * for; made once for each cut and kind.  cut is an index into query->cuts, -1
 * with RT_QUERY_FULL.  The caller has connected to SPI.
 */
extern RtQueryPlan *rt_query_plan(RtQuery *query, RtQueryRunKind kind, int cut);

/*
 * Runs it, read only.  values and nulls are those of the query's parameters and
 * then, with RT_QUERY_VALUE, the cut's value.  snapshot is NULL for a new one.
 * Returns SPI_processed; rows are in SPI_tuptable, with query->rows' columns.
 */
extern uint64 rt_query_run(RtQueryPlan *plan, const Datum *values,
						   const char *nulls, Snapshot snapshot);

/* Whether a row passes all own conditions of a relation. */
extern bool rt_query_passes(RtQuery *query, RtQueryRelation *relation,
							TupleTableSlot *image);

#endif							/* RT_QUERY_RUN_H */

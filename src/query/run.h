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
	RT_QUERY_WINDOW,			/* without OFFSET, LIMIT one more parameter */
	RT_QUERY_VALUE,				/* without LIMIT, the cut's column = one more parameter */
	RT_QUERY_VALUES,			/* likewise for many groups: an array for each parameter
								 * and one of the cut's values */
	RT_QUERY_NULL				/* without LIMIT, the cut's column IS NULL */
} RtQueryRunKind;

typedef struct RtQueryPlan RtQueryPlan;

/* Registers the hook; once, from _PG_init(). */
extern void rt_query_run_install(void);

/*
 * A plan that lives until it is forgotten, for the role that the query was analysed
 * for; made once for each cut and kind.  cut is an index into query->cuts, -1
 * with RT_QUERY_FULL and RT_QUERY_WINDOW.  The caller has connected to SPI.
 */
extern RtQueryPlan *rt_query_plan(RtQuery *query, RtQueryRunKind kind, int cut);

/*
 * Whether there are plans of RT_QUERY_VALUES.  Their rows have one column more,
 * a bigint: the place in the arrays, from 1, that a row belongs to.
 */
extern bool rt_query_can_gather(const RtQuery *query);

/*
 * Runs it, read only.  values and nulls are those of the query's parameters and
 * then, with RT_QUERY_VALUE, the cut's value, or the limit, a bigint, or the arrays.  snapshot is
 * NULL for a new one.  Stops after so many rows, unless 0.  Returns SPI_processed; rows are in SPI_tuptable, with query->rows' columns.
 */
extern uint64 rt_query_run(RtQueryPlan *plan, const Datum *values,
						   const char *nulls, Snapshot snapshot, uint64 row_max);

/*
 * Bytes that a query takes, and its plans and those of the paths of its cuts.  These
 * can be forgotten when none is in use: they are made again.
 */
extern Size rt_query_size(const RtQuery *query);
extern Size rt_query_plans_size(const RtQuery *query);
extern Size rt_query_paths_size(const RtQuery *query);
extern void rt_query_forget_plans(RtQuery *query);
extern void rt_query_forget_paths(RtQuery *query);

/* Where what is forgotten then is allocated. */
extern MemoryContext rt_query_plans_context(RtQuery *query);

/* How it would be run, in the current context. */
extern struct PlannedStmt *rt_query_planned(RtQueryPlan *plan);

/* Is told the values of a cut. */
typedef void (*RtQueryValueFunction) (Datum value, bool is_null, void *arg);

/*
 * Tells the values of a relation's cut that the images of changed rows give.
 * Images are slots with the relation's columns, of which those in
 * relation->needed are set.  Paths are resolved with a snapshot (NULL: the
 * active one), as the owners of the relations on them, without policies; values
 * may come more than once.  NULL comes only if it is a value of the cut.  The
 * caller has connected to SPI.
 */
extern void rt_query_values(RtQuery *query, RtQueryRelation *relation,
							TupleTableSlot **images, int count,
							Snapshot snapshot, RtQueryValueFunction function,
							void *arg);

/* Whether two values are equal if and only if their texts are. */
extern bool rt_query_has_plain_texts(Oid type, Oid collation);

/* The cut whose column is the key, if its texts say what is equal, or -1. */
extern int	rt_query_key_cut(const RtQuery *query);

/* Which cuts a query has, and what its tallies are made of, as a hash. */
extern uint64 rt_query_cuts_hash(const RtQuery *query);

/* The same for all values that a cut takes for equal. */
extern uint64 rt_query_cut_hash(const RtQueryCut *cut, Datum value, bool is_null);

/*
 * Whether a row passes all own conditions of a relation, with arguments for the
 * query's parameters; image as above.
 */
extern bool rt_query_passes(RtQuery *query, RtQueryRelation *relation,
							ParamListInfo arguments, TupleTableSlot *image);

#endif							/* RT_QUERY_RUN_H */

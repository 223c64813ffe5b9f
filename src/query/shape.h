/*
 * shape.h
 *		A rewritten query as live queries run it.
 *
 * Runs return more columns than the author's query: what it is sorted by, the
 * columns of cuts, and what its groups come to.  The analysis and the hook at planning make the same
 * changes to the query by the same code, so what the one says of columns and
 * cuts is true of the plans of the other.
 */
#ifndef RT_QUERY_SHAPE_H
#define RT_QUERY_SHAPE_H

#include "src/query/analysis.h"
#include "src/query/tree.h"

#include "nodes/parsenodes.h"

typedef struct RtQueryShape
{
	Query	   *query;			/* changed in place */
	RtTree	   *tree;
	List	   *relations;		/* of RtQueryRelation, by number of occurrence */
	List	   *cuts;			/* of RtQueryCut */
	struct RtGraph *graph;
	List	   *places;			/* of int: the cuts' nodes */
	List	   *sort;			/* of RtQuerySortKey */
	struct RtQueryTally *tally; /* (tally.h) or NULL */
	const char *why_no_tally;	/* then, if it has groups */
} RtQueryShape;

extern RtQueryShape *rt_query_shape(Query *query, const AttrNumber *key_columns,
									int key_count);

/* keyless.c: see RtQuery.keyless. */
extern bool rt_query_is_keyless(const RtQueryShape *shape, const AttrNumber *key_columns,
								int key_count);

/* keyless.c: whether images are asked about all parts of a condition; or NULL. */
extern bool rt_query_knows_condition(const RtQueryShape *shape, Node *condition);

/*
 * restrict.c: leaves in only the rows with one value in a cut, which a
 * parameter has, or NULL if it is 0; takes LIMIT away.
 */
extern void rt_query_restrict(RtQueryShape *shape, int cut, int param);

/*
 * gather.c: the same of many groups.  The parameters of a query that is
 * restricted to one more become columns of arrays, which are parameters
 * after the query's own, of these types.
 */
extern Query *rt_query_gather(Query *query, const RtQuery *about, const RtQueryCut *cut);
extern int	rt_query_gather_types(const RtQuery *about, const RtQueryCut *cut, Oid *types);

/* order.c: the first rows, as many as a parameter says. */
extern void rt_query_widen(RtQueryShape *shape, int param);

/* order.c: shows what the query is sorted by, which the key makes total. */
extern List *rt_query_show_order(Query *query, const AttrNumber *key_columns,
								 int key_count);

#endif							/* RT_QUERY_SHAPE_H */

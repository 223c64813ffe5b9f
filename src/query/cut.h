/*
 * cut.h
 *		Finds the cuts of a query's relations.
 */
#ifndef RT_QUERY_CUT_H
#define RT_QUERY_CUT_H

#include "src/query/graph.h"
#include "src/query/shape.h"

/* Fills cut, path, filters and so on of shape->relations, and shape->cuts. */
extern void rt_query_find_cuts(RtQueryShape *shape);

/* filter.c: what keeps rows of a relation out of the result. */
extern void rt_query_find_filters(RtQueryRelation *relation, RtGraph *graph,
								  RtLevel *level, Index varno);

/* index.c: how well rows are found by a column, less is better. */
#define RT_COLUMN_UNIQUE 0
#define RT_COLUMN_INDEXED 20
#define RT_COLUMN_NOT_INDEXED 200
extern Bitmapset *rt_indexed_columns(Oid relation);
extern int	rt_column_access(Oid relation, AttrNumber attnum);

#endif							/* RT_QUERY_CUT_H */

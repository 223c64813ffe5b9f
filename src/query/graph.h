/*
 * graph.h
 *		Which columns of a query have equal values, level by level.
 *
 * An edge from column x to column y means: every row of the result that a row
 * of x's relation takes part in, or keeps out, stands in y's relation at a row
 * with y = x.  So edges have directions: ON of an outer join leads from the
 * side that may be extended with NULLs to the other one, and not back.
 */
#ifndef RT_QUERY_GRAPH_H
#define RT_QUERY_GRAPH_H

#include "src/query/analysis.h"
#include "src/query/tree.h"

typedef struct RtNode
{
	RtLevel    *level;
	Index		varno;			/* 0: the output of set operations */
	AttrNumber	attnum;
	Oid			column_type;
	int32		column_typmod;
	Oid			type;			/* as its equality takes it */
	Oid			operator;		/* the default equality */
	Oid			collation;
	bool		not_null;
} RtNode;

typedef struct RtEdge
{
	int			from;
	int			to;
	bool		strict;			/* NULLs do not pass */
} RtEdge;

/* A column is compared with what is the same for all rows. */
typedef struct RtNodeFilter
{
	int			node;
	Expr	   *value;
} RtNodeFilter;

/* A condition on the rows of one relation. */
typedef struct RtOwnCondition
{
	RtLevel    *level;
	Index		varno;
	Expr	   *expr;
} RtOwnCondition;

typedef struct RtGraph
{
	RtTree	   *tree;
	List	   *nodes;			/* of RtNode */
	List	   *edges;			/* of RtEdge */
	List	   *filters;		/* of RtNodeFilter */
	List	   *conditions;		/* of RtOwnCondition */
} RtGraph;

extern RtGraph *rt_graph(RtTree *tree);

/* The number of a column, or -1 if its type has no equality. */
extern int	rt_graph_node(RtGraph *graph, RtLevel *level, Index varno, AttrNumber attnum);

/* The same of an expression of a level, or of an output of it; -1 = no column. */
extern int	rt_graph_expression(RtGraph *graph, RtLevel *level, Node *expr);
extern int	rt_graph_output(RtGraph *graph, RtLevel *level, AttrNumber number);

extern void rt_graph_connect(RtGraph *graph, int from, int to, bool strict);

/* condition.c: what WHERE, ON and policies of a level say. */
extern void rt_graph_read_conditions(RtGraph *graph, RtLevel *level);

/*
 * restrictable.c: whether the rows of a level with some values of a column are
 * what it gives if only they are asked for.  LIMIT of the top is not looked at.
 */
extern bool rt_level_restrictable(RtGraph *graph, RtLevel *level, int node);
extern bool rt_output_restrictable(RtGraph *graph, RtLevel *level, AttrNumber number);

#endif							/* RT_QUERY_GRAPH_H */

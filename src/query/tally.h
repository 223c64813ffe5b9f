/*
 * tally.h
 *		What groups of a query come to, kept by counting.
 *
 * Of a query that counts rows of one table, and sums integers of theirs, a group
 * is known by its values and by what its rows come to: its *tally*.  What rows
 * give that have come is added, and what those gave that are gone is taken away;
 * from the tally the row of the result is computed.  So no row of the group is
 * read that has not changed.
 *
 * All counts and sums have to be exact whatever the order: so there are none of
 * floating point, and none of numeric, whose digits depend on values that are gone.
 * Beside each sum it is counted what was added up: of nothing the sum is NULL.
 */
#ifndef RT_QUERY_TALLY_H
#define RT_QUERY_TALLY_H

#include "src/query/shape.h"

#include "executor/tuptable.h"

typedef enum RtTermKind
{
	RT_TERM_COUNT,
	RT_TERM_SUM,				/* bigint */
	RT_TERM_SUM_NUMERIC
} RtTermKind;

/* What is counted or summed; of rows' columns (Vars of relation 1). */
typedef struct RtTerm
{
	RtTermKind	kind;
	Expr	   *arg;			/* what must not be NULL; NULL = every row counts */
	int16		length;			/* of its type */
	Expr	   *filter;			/* only rows that pass it, or NULL */
	int			counted;		/* of a sum: the term that counts what it adds up */
} RtTerm;

/* A tally is a row of its own: the values of the group, then the terms. */
typedef struct RtQueryTally
{
	bool		is_grouped;		/* without GROUP BY there is one group, always */
	int			group_count;
	int			term_count;
	List	   *groups;			/* of Expr, of rows' columns */
	List	   *terms;			/* of RtTerm; the first counts all rows */
	List	   *columns;		/* of int: of the rows that runs return, from 1 */
	List	   *outputs;		/* of Expr: what these are, of a tally's columns */
	Expr	   *having;			/* likewise, or NULL */
	const char *described;		/* for people */
	TupleDesc	desc;
	struct RtTallyStates *states;	/* for tally_value.c; NULL = not made yet */
} RtQueryTally;

/*
 * Makes runs return the tallies of the query's groups, if it has groups and all is known
 * of them; shape->tally and shape->why_no_tally say so.
 */
extern void rt_query_find_tally(RtQueryShape *shape, const AttrNumber *key_columns,
								int key_count);

/* A copy in the current context. */
extern RtQueryTally *rt_query_tally_copy(const RtQueryTally *tally);

/* ---- values; arguments are those of the query's parameters ---- */

/*
 * Of an image of a row that passes: the values of its group, which live as long as
 * the image or are in the current context, and what it adds to the terms.
 */
extern void rt_tally_read(RtQuery *query, ParamListInfo arguments, TupleTableSlot *image,
						  Datum *values, bool *nulls, int64 *amounts);

/* The key's columns of the row of the result that a tally belongs to. */
extern void rt_tally_key(RtQuery *query, ParamListInfo arguments, const Datum *values,
						 const bool *nulls, Datum *row, bool *row_nulls);

/* All of its columns.  Returns false if there is no such row, by HAVING. */
extern bool rt_tally_row(RtQuery *query, ParamListInfo arguments, const Datum *values,
						 const bool *nulls, Datum *row, bool *row_nulls);

#endif							/* RT_QUERY_TALLY_H */

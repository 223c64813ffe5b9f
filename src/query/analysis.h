/*
 * analysis.h
 *		What is known about a SELECT before it is run as a live query.
 *
 * The analysis is made of the query after rewriting, so views and the policies
 * of row-level security are part of it: it is made for one role, and is true
 * until one of query->objects is changed or the role's memberships are.
 *
 * Relations are occurrences: a table that a query reads twice is there twice,
 * and each has a cut of its own, or none.  A cut is a column of the rows that
 * runs return, and a way to find its values from the image of a changed row:
 * only rows with these values can have been changed by it (cut.c).
 * */
#ifndef RT_QUERY_ANALYSIS_H
#define RT_QUERY_ANALYSIS_H

#include "src/compat.h"

#include "access/tupdesc.h"
#include "nodes/bitmapset.h"
#include "nodes/params.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"

/* What is to be analysed; begin with {.sql = ...}. */
typedef struct RtQuerySource
{
	const char *sql;
	const Oid  *param_types;	/* NULL: as PREPARE finds out */
	int			param_count;
	const char *key;			/* names of columns, separated by commas */
	List	   *depends_on;		/* relations that functions read, by OID */
	bool		may_be_stale;	/* there is stale_after: time may matter */
	bool		all_roles;		/* relations of all roles' policies, too */
} RtQuerySource;

/*
 * Rows of a relation for which "column = value" is not true are of no
 * consequence.  The value is the same for all rows: it consists of constants,
 * parameters, and what is known of the caller.
 */
typedef struct RtQueryFilter
{
	AttrNumber	attnum;
	Oid			type;			/* of both sides */
	Oid			operator;		/* their default equality */
	Oid			collation;
	Expr	   *value;
	int			param;			/* n if it is just $n, or 0 */
	bool		reads_caller;
} RtQueryFilter;

/* SELECT DISTINCT to FROM relation WHERE from = ANY (values so far) */
typedef struct RtQueryHop
{
	Oid			relation;
	AttrNumber	from;
	AttrNumber	to;
	Oid			type;			/* of the values so far */
	Oid			to_type;
	Oid			operator;		/* equality of values so far */
	struct RtQueryWay *way;		/* its plan (values.c); NULL = not made yet */
} RtQueryHop;

typedef struct RtQueryRelation
{
	Oid			relid;			/* the root, if it has children */
	const char *alias;			/* as the query calls it, or NULL */
	const char *where;			/* "query", "policy", "function f()", ... */

	/*
	 * Attribute numbers.  A change that leaves all used columns as they were
	 * has no effect on any occurrence; of one that does, the values of the
	 * needed columns are wanted, old and new.
	 */
	Bitmapset  *used;
	Bitmapset  *needed;

	/* a row that does not pass all of them is of no consequence */
	List	   *filters;		/* of RtQueryFilter */
	List	   *conditions;		/* of Expr: immutable, Vars of relation 1 */
	struct RtQueryTest *test;	/* of these (run.c); NULL = not made yet */

	int			cut;			/* index into query->cuts, or -1: run in full */
	AttrNumber	source;			/* whose values begin the path */
	List	   *path;			/* of RtQueryHop; NIL: they are the cut's */
	const char *why_full;
	const char *hint;			/* what would help, or NULL */
} RtQueryRelation;

typedef struct RtQueryCut
{
	int			column;			/* of the rows that runs return, from 1 */
	const char *name;			/* for people */
	Oid			type;			/* of the values to look for */
	int16		type_length;
	bool		type_by_value;
	Oid			operator;		/* its default equality */
	Oid			collation;
	bool		nulls;			/* NULL is a value, see RT_QUERY_NULL */
} RtQueryCut;

typedef struct RtQuerySortKey
{
	int			column;			/* of the rows that runs return, from 1 */
	Oid			type;
	Oid			operator;		/* < or >, of ORDER BY */
	Oid			collation;
	bool		descending;
	bool		nulls_first;
} RtQuerySortKey;

typedef struct RtQuery
{
	MemoryContext context;		/* holds all of this */
	uint64		serial;			/* unlike that of any other analysis here */
	const char *sql;
	int			param_count;
	Oid		   *param_types;

	TupleDesc	rows;			/* what runs return */
	int			column_count;	/* of the result; hidden ones come after */
	int			key_count;
	AttrNumber *key_columns;

	List	   *relations;		/* of RtQueryRelation */
	List	   *objects;		/* all relations, views too, by OID */
	List	   *cuts;			/* of RtQueryCut */

	/* what has changed says by itself which rows of the result are gone */
	bool		keyless;

	/* what its groups come to, changed by counting (tally.h), or NULL */
	struct RtQueryTally *tally;
	const char *why_no_tally;	/* then, if it has groups */

	/*
	 * Whether rows depend on who asks, beyond the role: what a role may see
	 * is always a matter of the role.
	 */
	bool		reads_caller;
	const char *reads_caller_by;	/* "function uid()" */
	bool		reads_time;
	const char *reads_time_by;

	/* ORDER BY, made total by the key; NIL if there is none and no LIMIT */
	List	   *sort;			/* of RtQuerySortKey */
	Expr	   *limit;			/* bigint without columns, or NULL */
	Expr	   *offset;

	MemoryContext plans_context;	/* holds them, and ways over hops; NULL = none */
	List	   *plans;			/* of RtQueryPlan (run.c) */
	int			alone;			/* so many times more groups are run one by one, since
								 * to run them together was in vain */
} RtQuery;

/*
 * Analyses a query for the current role, in a new child of the current context.
 * ERROR with the reason for what cannot be a live query.  Wants an active
 * snapshot.
 */
extern RtQuery *rt_query_analyze(const RtQuerySource *source);

extern void rt_query_free(RtQuery *query);

/* Whether two analyses have found the same cuts. */
extern bool rt_query_same_cuts(const List *a, const List *b);

/* A group's arguments, as expressions want them, in the current context. */
extern ParamListInfo rt_query_arguments(const RtQuery *query,
										const NullableDatum *values);

/*
 * The value of a filter, of the limit or the offset, for a group's arguments
 * and the current caller, in the current context.
 */
extern Datum rt_query_value(RtQuery *query, Expr *expr, ParamListInfo arguments,
							bool *is_null);

#endif							/* RT_QUERY_ANALYSIS_H */

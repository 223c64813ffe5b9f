/*
 * describe.h
 *		The columns that a query, or a function of LANGUAGE sql, returns, and which
 *		of them are never NULL.
 */
#ifndef RT_QUERY_DESCRIBE_H
#define RT_QUERY_DESCRIBE_H

#include "src/compat.h"

#include "nodes/pg_list.h"

typedef struct RtDescribedColumn
{
	const char *name;
	Oid			type;
	bool		is_required;	/* it is surely not NULL */
} RtDescribedColumn;

typedef struct RtDescription
{
	List	   *columns;		/* of RtDescribedColumn */
	bool		has_row;		/* it surely returns one */
} RtDescription;

/*
 * In the current memory context.  Both parse, with all errors that this has, and
 * run nothing.  The function has the last statement's columns that returns any, or
 * none if it is of another language.
 */
extern RtDescription rt_describe_query(const char *sql, const Oid *types, int count);
extern RtDescription rt_describe_function(Oid function);

#endif							/* RT_QUERY_DESCRIBE_H */

/*
 * explain.h
 *		How a live query is kept true, told to people.
 */
#ifndef RT_QUERY_EXPLAIN_H
#define RT_QUERY_EXPLAIN_H

#include "src/query/analysis.h"

#include "fmgr.h"

/*
 * Fills the result of a set-returning function, a row for each relation:
 * relation, alias, read in, used columns, needed columns, filters, cut, path,
 * plan, why it is run in full, what would help, tally; all text.  Has connected to SPI
 * by itself.
 */
extern void rt_query_explain(RtQuery *query, FunctionCallInfo fcinfo);

#endif							/* RT_QUERY_EXPLAIN_H */

/*
 * declaration_row.h
 *		Values of the columns of declarations.  For src/catalog only.
 */
#ifndef RT_CATALOG_DECLARATION_ROW_H
#define RT_CATALOG_DECLARATION_ROW_H

#include "src/compat.h"

/* One row, taken apart. */
typedef struct RtRow
{
	Datum	   *values;
	bool	   *nulls;
} RtRow;

#define rt_row_value(row, anum) ((row)->values[(anum) - 1])
#define rt_row_is_null(row, anum) ((row)->nulls[(anum) - 1])

/* NULL if the column is. */
extern char *rt_row_text(const RtRow *row, int anum);

/* A jsonb as JSON; NULL = NULL. */
extern char *rt_row_jsonb(const RtRow *row, int anum);

/* The elements of an array, NULL being "".  Returns how many. */
extern int	rt_row_texts(const RtRow *row, int anum, char ***texts);

/* The elements of an array of OIDs that are not NULL.  Returns how many. */
extern int	rt_row_oids(const RtRow *row, int anum, Oid type, Oid **oids);

/* An interval in milliseconds. */
extern int64 rt_row_ms(const RtRow *row, int anum, int64 when_null);
extern int	rt_row_ms_int(const RtRow *row, int anum, int when_null);

#endif							/* RT_CATALOG_DECLARATION_ROW_H */

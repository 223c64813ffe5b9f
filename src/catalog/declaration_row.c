/*
 * declaration_row.c
 *		Values of the columns of declarations.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration_row.h"
#include "src/catalog/interval.h"

/* NULL if the column is. */
char *
rt_row_text(const RtRow *row, int anum)
{
	return rt_row_is_null(row, anum) ? NULL :
		TextDatumGetCString(rt_row_value(row, anum));
}

char *
rt_row_jsonb(const RtRow *row, int anum)
{
	Jsonb	   *value;

	if (rt_row_is_null(row, anum))
		return NULL;
	value = DatumGetJsonbP(rt_row_value(row, anum));
	return JsonbToCString(NULL, &value->root, VARSIZE(value));
}

/* The elements of an array, NULL being "".  Returns how many. */
int
rt_row_texts(const RtRow *row, int anum, char ***texts)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(rt_row_value(row, anum)),
					  TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	*texts = palloc(sizeof(char *) * Max(count, 1));
	for (int i = 0; i < count; i++)
		(*texts)[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]);
	return count;
}

int64
rt_row_ms(const RtRow *row, int anum, int64 when_null)
{
	int64		ms;

	if (rt_row_is_null(row, anum))
		return when_null;
	if (!rt_interval_ms(DatumGetIntervalP(rt_row_value(row, anum)), &ms))
		return PG_INT64_MAX;
	return ms;
}

int
rt_row_ms_int(const RtRow *row, int anum, int when_null)
{
	return (int) Min(rt_row_ms(row, anum, when_null), PG_INT32_MAX);
}

/* The elements of an array of OIDs, none of them NULL.  Returns how many. */
int
rt_row_oids(const RtRow *row, int anum, Oid type, Oid **oids)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			good = 0;

	deconstruct_array(DatumGetArrayTypeP(rt_row_value(row, anum)), type,
					  sizeof(Oid), true, TYPALIGN_INT, &elements, &nulls, &count);
	*oids = palloc(sizeof(Oid) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			(*oids)[good++] = DatumGetObjectId(elements[i]);
	}
	return good;
}

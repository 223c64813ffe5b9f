/*
 * value_writer.h
 *		Values and rows as JSON, the same text that PostgreSQL's to_json()
 *		makes, without finding out about the type each time.
 */
#ifndef RT_CATALOG_VALUE_WRITER_H
#define RT_CATALOG_VALUE_WRITER_H

#include "src/compat.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

typedef enum RtValueKind
{
	RT_VALUE_BOOL,
	RT_VALUE_INT2,
	RT_VALUE_INT4,
	RT_VALUE_INT8,
	RT_VALUE_TEXT,
	RT_VALUE_JSON,
	RT_VALUE_JSONB,
	RT_VALUE_NUMBER,			/* output function, quoted if it is no number */
	RT_VALUE_DATETIME,			/* date, timestamp, timestamptz: ISO 8601 */
	RT_VALUE_QUOTED,			/* output function, escaped */
	RT_VALUE_OTHER				/* to_json() */
} RtValueKind;

typedef struct RtValueWriter
{
	RtValueKind kind;
	Oid			type;			/* without domains */
	FmgrInfo	function;		/* NUMBER, QUOTED, OTHER */
} RtValueWriter;

typedef struct RtRowWriter RtRowWriter;

/* Makes a writer in the current context. */
extern RtValueWriter *rt_value_writer(Oid type);
extern void rt_value_write(RtValueWriter *writer, StringInfo out,
						   Datum value, bool isnull);

/*
 * The text of a value that is not NULL: what a JSON string of it would hold,
 * or else its JSON; for timestamptz always in UTC, whatever the session's time
 * zone.  Not terminated, and valid as long as the value and the current
 * context.
 */
extern const char *rt_value_text(RtValueWriter *writer, Datum value, Size *len);

/* Makes a writer of rows, in a context of its own under the current one. */
extern RtRowWriter *rt_row_writer(TupleDesc desc);
extern void rt_row_writer_free(RtRowWriter *writer);
extern bool rt_row_writer_matches(const RtRowWriter *writer, TupleDesc desc);
extern void rt_row_write(RtRowWriter *writer, StringInfo out,
						 const Datum *values, const bool *isnull);

/* A JSON string. */
extern void rt_text_write(StringInfo out, const char *text, Size len);

#endif							/* RT_CATALOG_VALUE_WRITER_H */

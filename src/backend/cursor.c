/*
 * cursor.c
 *		Where cursors are, for SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "src/backend/publish/publish.h"
#include "src/ipc/clock.h"
#include "src/ipc/cursor.h"

#define COLUMNS 2

PG_FUNCTION_INFO_V1(realtime_stat_get_cursors);
PG_FUNCTION_INFO_V1(realtime_stat_get_cursor);

/* Copies, because rows are not made while the lock is held. */
typedef struct Copies
{
	RtCursorSeen *rows;
	int			count;
	int			space;
} Copies;

static void
copy_row(const RtCursorSeen *seen, void *arg)
{
	Copies	   *copies = arg;

	if (copies->count == copies->space)
	{
		copies->space = Max(64, copies->space * 2);
		copies->rows = copies->rows == NULL ? palloc(copies->space * sizeof(RtCursorSeen)) :
			repalloc_huge(copies->rows, copies->space * sizeof(RtCursorSeen));
	}
	copies->rows[copies->count] = *seen;
	copies->rows[copies->count++].text = pnstrdup(seen->text, seen->len);
}

static Datum
moved_at(const RtCursorSeen *seen)
{
	return TimestampTzGetDatum(GetCurrentTimestamp() -
							   (rt_clock_ms() - seen->moved_ms) * INT64CONST(1000));
}

/* A row of each cursor of a topic: what others see, and when it has moved. */
Datum
realtime_stat_get_cursors(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	text	   *topic = PG_GETARG_TEXT_PP(0);
	Copies		copies = {0};

	InitMaterializedSRF(fcinfo, 0);
	rt_cursors_attach();
	if (rt_publish_is_possible())
		rt_cursors_visit(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic), copy_row, &copies);
	for (int i = 0; i < copies.count; i++)
	{
		Datum		values[COLUMNS] = {DirectFunctionCall1(jsonb_in,
														   CStringGetDatum(copies.rows[i].text)),
		moved_at(&copies.rows[i])};
		bool		nulls[COLUMNS] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* A row of each topic that has cursors. */
Datum
realtime_stat_get_cursor(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Copies		copies = {0};

	InitMaterializedSRF(fcinfo, 0);
	rt_cursors_attach();
	rt_cursors_topics(copy_row, &copies);
	for (int i = 0; i < copies.count; i++)
	{
		Datum		values[COLUMNS] = {CStringGetTextDatum(copies.rows[i].text),
		Int64GetDatum(copies.rows[i].count)};
		bool		nulls[COLUMNS] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

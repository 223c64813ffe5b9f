/*
 * presence.c
 *		Who is present, for SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "src/backend/publish/publish.h"
#include "src/ipc/presence.h"

/* Columns, as in src/sql */
enum
{
	PRESENCE_KEY,
	PRESENCE_DATA,
	PRESENCE_CONNECTIONS,
	PRESENCE_SINCE,
	PRESENCE_COLUMNS
};

PG_FUNCTION_INFO_V1(realtime_presence);
PG_FUNCTION_INFO_V1(realtime_presence_count);
PG_FUNCTION_INFO_V1(realtime_presence_topics);

/* Copies, because rows are not made while the lock is held. */
typedef struct Copies
{
	RtPresent  *rows;
	int			count;
	int			space;
} Copies;

static void
copy_row(const RtPresent *present, void *arg)
{
	Copies	   *copies = arg;
	RtPresent  *copy;

	if (copies->count == copies->space)
	{
		copies->space = Max(64, copies->space * 2);
		copies->rows = copies->rows == NULL ? palloc(copies->space * sizeof(RtPresent)) :
			repalloc_huge(copies->rows, copies->space * sizeof(RtPresent));
	}
	copy = &copies->rows[copies->count++];
	*copy = *present;
	copy->key = pnstrdup(present->key, present->key_len);
	if (present->data != NULL)
		copy->data = pnstrdup(present->data, present->data_len);
}

static Copies
read_topic(text *topic)
{
	Copies		copies = {0};

	rt_presence_attach();
	if (rt_publish_is_possible())
		rt_presence_read(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic), copy_row, &copies);
	return copies;
}

Datum
realtime_presence(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Copies		copies = read_topic(PG_GETARG_TEXT_PP(0));

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < copies.count; i++)
	{
		const RtPresent *row = &copies.rows[i];
		Datum		values[PRESENCE_COLUMNS];
		bool		nulls[PRESENCE_COLUMNS] = {false};

		values[PRESENCE_KEY] = CStringGetTextDatum(row->key);
		values[PRESENCE_DATA] = DirectFunctionCall1(jsonb_in, CStringGetDatum(row->data));
		values[PRESENCE_CONNECTIONS] = Int32GetDatum(row->connections);
		values[PRESENCE_SINCE] = TimestampTzGetDatum(row->since);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static void
count_row(const RtPresent *present, void *arg)
{
	(*(int64 *) arg)++;
}

Datum
realtime_presence_count(PG_FUNCTION_ARGS)
{
	text	   *topic = PG_GETARG_TEXT_PP(0);
	int64		count = 0;

	rt_presence_attach();
	if (rt_publish_is_possible())
		rt_presence_read(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic), count_row, &count);
	PG_RETURN_INT64(count);
}

Datum
realtime_presence_topics(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Copies		copies = {0};

	InitMaterializedSRF(fcinfo, 0);
	rt_presence_attach();
	rt_presence_topics(copy_row, &copies);
	for (int i = 0; i < copies.count; i++)
	{
		Datum		values[2] = {CStringGetTextDatum(copies.rows[i].key),
		Int64GetDatum(copies.rows[i].connections)};
		bool		nulls[2] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

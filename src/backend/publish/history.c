/*
 * history.c
 *		realtime.replay(), realtime.seq(), realtime.clear_replay(): the events
 *		that are kept, for SQL.
 *
 * The reading functions honour the snapshot of the statement and write
 * nothing.  They ask nobody who may see a topic: EXECUTE on them does.  What a
 * call tells of them waits until it is flushed, as numbers do everywhere: a
 * crash could give them to other events.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/catalog/declaration.h"
#include "src/catalog/message_store.h"
#include "src/catalog/statement.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/topic_lock.h"

/* Columns of realtime.message */
enum
{
	MESSAGE_TOPIC,
	MESSAGE_SEQ,
	MESSAGE_EVENT,
	MESSAGE_DATA,
	MESSAGE_CREATED_AT,
	MESSAGE_COLUMNS
};

PG_FUNCTION_INFO_V1(realtime_replay);
PG_FUNCTION_INFO_V1(realtime_seq);
PG_FUNCTION_INFO_V1(realtime_clear_replay);

/*
 * Columns of type json hold what jsonb cannot, such as \u0000, and so do events
 * of live tables.  Nothing but memory is taken before that shows.
 */
static bool
is_jsonb(const RtReplayRow *row, Datum *data)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool fits = true;

	PG_TRY();
	{
		*data = DirectFunctionCall1(jsonb_in,
									CStringGetDatum(pnstrdup(row->data, row->data_len)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		fits = false;
	}
	PG_END_TRY();
	return fits;
}

static void
show_row(ReturnSetInfo *result, Datum topic, const RtReplayRow *row)
{
	Datum		values[MESSAGE_COLUMNS] = {0};
	bool		nulls[MESSAGE_COLUMNS] = {0};

	values[MESSAGE_TOPIC] = topic;
	values[MESSAGE_SEQ] = Int64GetDatum(row->seq);
	values[MESSAGE_CREATED_AT] = TimestampTzGetDatum(row->created_at);
	if (row->event != NULL && is_jsonb(row, &values[MESSAGE_DATA]))
		values[MESSAGE_EVENT] =
			PointerGetDatum(cstring_to_text_with_len(row->event, row->event_len));
	else
		nulls[MESSAGE_EVENT] = nulls[MESSAGE_DATA] = true;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
realtime_replay(PG_FUNCTION_ARGS)
{
	text	   *topic = PG_GETARG_TEXT_PP(0);
	int64		since = PG_GETARG_INT64(1);
	RtReplayScan *scan;
	RtReplayRow row;
	MemoryContext row_context;
	MemoryContext old_context;

	InitMaterializedSRF(fcinfo, 0);
	scan = rt_replay_begin(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic), since,
						   GetActiveSnapshot());
	row_context = AllocSetContextCreate(CurrentMemoryContext,
										"realtime replay", ALLOCSET_DEFAULT_SIZES);
	while (rt_replay_next(scan, &row))
	{
		old_context = MemoryContextSwitchTo(row_context);
		show_row((ReturnSetInfo *) fcinfo->resultinfo, PointerGetDatum(topic), &row);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(row_context);
	}
	rt_replay_end(scan);
	MemoryContextDelete(row_context);
	return (Datum) 0;
}

Datum
realtime_seq(PG_FUNCTION_ARGS)
{
	text	   *topic = PG_GETARG_TEXT_PP(0);

	PG_RETURN_INT64(rt_replay_numbers(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic),
									  GetActiveSnapshot()).newest);
}

/* Who publishes waits, so that the newest number stays the newest. */
static void
lock_for_clearing(text *topic)
{
	if (topic != NULL)
	{
		rt_topic_lock(rt_topic_hash(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic)),
					  ExclusiveLock);
		return;
	}
	for (uint32 partition = 0; partition < RT_TOPIC_PARTITIONS; partition++)
		rt_partition_lock(partition, ExclusiveLock);
}

static int64
clear_messages(Relation messages, text *topic)
{
	RtStatement statement = {
		.sql = "WITH newest AS ("
		" SELECT topic, pg_catalog.max(seq) AS seq FROM realtime.replay_message"
		" WHERE $1 IS NULL OR topic OPERATOR(pg_catalog.=) $1 GROUP BY topic),"
		" removed AS ("
		" DELETE FROM realtime.replay_message m USING newest n"
		" WHERE m.topic OPERATOR(pg_catalog.=) n.topic"
		" AND m.seq OPERATOR(pg_catalog.<) n.seq RETURNING m.event),"
		" marked AS ("
		" UPDATE realtime.replay_message m SET event = NULL, data = NULL"
		" FROM newest n WHERE m.topic OPERATOR(pg_catalog.=) n.topic"
		" AND m.seq OPERATOR(pg_catalog.=) n.seq AND m.event IS NOT NULL"
		" RETURNING m.seq)"
		" SELECT (SELECT pg_catalog.count(event) FROM removed)"
		" OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM marked)"
	};

	rt_statement_put(&statement, TEXTOID, PointerGetDatum(topic), topic == NULL);
	return rt_statement_run_int64(&statement, RelationGetRelid(messages));
}

Datum
realtime_clear_replay(PG_FUNCTION_ARGS)
{
	text	   *topic = PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0);
	Relation	messages;
	int64		removed;

	PreventCommandIfReadOnly("realtime.clear_replay()");
	PreventCommandDuringRecovery("realtime.clear_replay()");

	/* the table before the topics, as publishers do */
	messages = table_open(rt_message_table(), RowExclusiveLock);
	lock_for_clearing(topic);
	removed = clear_messages(messages, topic);
	table_close(messages, NoLock);
	PG_RETURN_INT64(removed);
}

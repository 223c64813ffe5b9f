/*
 * intake.c
 *		Events of a transaction that somebody is to take: aggregates and effects.
 *
 * They are rows of the publishing transaction, so they are there if and only if
 * it has committed, whatever ends when.  The locks of the topics are held when
 * they get their number, so numbers have the order of the commits on each topic;
 * and when it is looked who takes them, so who declares something and then takes
 * a lock sees either the events of a transaction or what it has done.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/sequence.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/backend/publish/inserter.h"
#include "src/backend/publish/intake.h"
#include "src/catalog/declaration.h"
#include "src/catalog/intake_store.h"
#include "src/ipc/intake.h"
#include "src/ipc/unflushed.h"
#include "src/schedule/occurrence.h"

/* One transaction's. */
typedef struct Intake
{
	Relation	table;
	RtInserter *inserter;
	int64		id;
	int			count;
	TimestampTz now;
} Intake;

static bool marks[RT_INTAKE_MARKS];
static int	marked[RT_INTAKE_MARKS];	/* those that are true */
static int	marked_count = 0;

bool
rt_intake_is_source(const char *topic, Size len)
{
	const ListCell *cell;

	foreach(cell, rt_declaration_sinks())
	{
		if (rt_sink_takes(lfirst(cell), topic, len))
			return true;
	}
	return false;
}

/* ---- rows ---- */

static bool
begin_intake(Intake *intake)
{
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot publish for an aggregate or an effect in a read-only transaction"),
				 errdetail("Events that it takes are stored.")));
	intake->table = try_table_open(rt_intake_table(), RowExclusiveLock);
	if (intake->table == NULL)
		return false;			/* the extension has been dropped */
	rt_unflushed_touch(RelationGetRelid(intake->table));
	intake->inserter = rt_inserter_begin(intake->table);
	(void) GetCurrentTransactionId();	/* first, see src/catalog/intake_store.c */
	intake->id = nextval_internal(rt_intake_sequence(), false);
	intake->now = rt_schedule_now();
	return true;
}

static Datum
text_datum(const char *text, Size len)
{
	return PointerGetDatum(cstring_to_text_with_len(text, (int) len));
}

static void
add_row(Intake *intake, const char *path, RtRingEntry *entry, uint32 name_len)
{
	TupleTableSlot *slot = rt_inserter_slot(intake->inserter);
	MemoryContext old = MemoryContextSwitchTo(rt_inserter_values(intake->inserter));
	RtText		event;
	RtText		data;

	rt_entry_parts(entry, name_len, &event, &data);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
		slot->tts_isnull[i] = i >= Natts_intake;
	slot->tts_values[Anum_intake_path - 1] = text_datum(path, strlen(path));
	slot->tts_values[Anum_intake_id - 1] = Int64GetDatum(intake->id);
	slot->tts_values[Anum_intake_n - 1] = Int32GetDatum(++intake->count);
	slot->tts_values[Anum_intake_topic - 1] = text_datum(rt_ring_entry_topic(entry), entry->topic_len);
	slot->tts_values[Anum_intake_event - 1] = text_datum(event.ptr, event.len);
	slot->tts_values[Anum_intake_data - 1] = text_datum(data.ptr, data.len);
	slot->tts_values[Anum_intake_published_at - 1] = TimestampTzGetDatum(intake->now);
	MemoryContextSwitchTo(old);
	rt_inserter_add(intake->inserter, entry->size);
}

static void
mark(const char *path)
{
	int			number = rt_intake_mark(path);

	if (!marks[number])
		marked[marked_count++] = number;
	marks[number] = true;
}

/* Returns false if there is nowhere to put it. */
static bool
take_entry(Intake *intake, RtRingEntry *entry, const List *sinks)
{
	uint32		name_len = rt_entry_name_len(entry);
	const ListCell *cell;

	if (name_len == 0)
		return true;
	foreach(cell, sinks)
	{
		const RtSinkDeclaration *sink = lfirst(cell);

		if (!rt_sink_takes(sink, rt_ring_entry_topic(entry), entry->topic_len))
			continue;
		if (intake->inserter == NULL && !begin_intake(intake))
			return false;
		add_row(intake, sink->path, entry, name_len);
		mark(sink->path);
	}
	return true;
}

/* In a context of its own, with a snapshot for what is stored out of line. */
static void
take_entries(const RtPending *pending, const List *sinks)
{
	Intake		intake = {0};
	bool		goes_on = true;

	for (Size done = 0; done < pending->size && goes_on;)
	{
		RtRingEntry *entry = (RtRingEntry *) (pending->buffer + done);

		goes_on = take_entry(&intake, entry, sinks);
		done += entry->size;
	}
	if (intake.inserter == NULL)
		return;
	rt_inserter_flush(intake.inserter);
	rt_inserter_end(intake.inserter);
	table_close(intake.table, NoLock);
}

void
rt_intake_precommit(const RtPending *pending)
{
	MemoryContext context;
	MemoryContext old;

	AcceptInvalidationMessages();
	if (!rt_declarations_refresh() || rt_declaration_sinks() == NIL)
		return;
	context = AllocSetContextCreate(TopTransactionContext, "realtime intake",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	PushActiveSnapshot(GetTransactionSnapshot());
	take_entries(pending, rt_declaration_sinks());
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ---- the end ---- */

void
rt_intake_atcommit(void)
{
	for (int i = 0; i < marked_count; i++)
		rt_intake_set(marked[i]);
}

void
rt_intake_forget(void)
{
	for (int i = 0; i < marked_count; i++)
		marks[marked[i]] = false;
	marked_count = 0;
}

/*
 * numbering.c
 *		Numbers for the events of replay topics, and their rows.
 *
 * Runs before the commit, where it may still fail, with the topics' locks
 * held.  A topic's next number is that of its newest row and one: read with
 * SnapshotSelf, which sees what is committed at this moment whatever the
 * transaction's isolation level is, and nobody else can commit on this topic
 * while we hold its lock.  So there is no counter that could be behind, and a
 * rollback leaves no gap.
 *
 * Rows go into the table and its indexes directly: no rights of the user are
 * needed, no triggers run, and SERIALIZABLE transactions read nothing here
 * that could conflict.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/backend/after_commit.h"
#include "src/backend/publish/epoch.h"
#include "src/backend/publish/inserter.h"
#include "src/backend/publish/numbering.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/declaration.h"
#include "src/catalog/message_store.h"
#include "src/ipc/newest_hint.h"
#include "src/ipc/number_mark.h"
#include "src/ipc/score.h"
#include "src/ipc/unflushed.h"

/* The last number of a topic. */
typedef struct TopicNumber
{
	const RtRingEntry *entry;	/* one on this topic */
	int64		last;
	char		status;
} TopicNumber;

#define SH_PREFIX numbers
#define SH_ELEMENT_TYPE TopicNumber
#define SH_KEY_TYPE const RtRingEntry *
#define SH_KEY entry
#define SH_HASH_KEY(table, key) (key)->topic_hash
#define SH_EQUAL(table, a, b) \
	((a)->topic_len == (b)->topic_len && \
	 memcmp(rt_ring_entry_topic(a), rt_ring_entry_topic(b), (a)->topic_len) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct RtNumbering
{
	MemoryContext context;		/* holds all of this */
	Relation	epochs;
	Relation	messages;
	RtInserter *inserter;		/* of the messages */
	Relation	index;			/* that of the primary key */
	TimestampTz now;
	const char *request_id;		/* NULL = none */
	RtFloor		floor;			/* of the numbers to be given; seq -1 = not known */
	numbers_hash *topics;
};

static RtPublishOrigin origin = NULL;

static bool open_tables(Relation *epochs, Relation *messages);
static Relation find_primary_key(const ResultRelInfo *target);
static void check_epoch(const RtFloor *floor, int64 seq);
static int64 next_number(RtNumbering *numbering, const RtRingEntry *entry);
static int64 newest_number(RtNumbering *numbering, const RtRingEntry *entry);
static void add_row(RtNumbering *numbering, RtRingEntry *entry,
					uint32 event_len);
static Datum text_datum(const char *text, Size len);

void
rt_publish_set_origin(RtPublishOrigin of_events)
{
	origin = of_events;
}

RtNumbering *
rt_numbering_begin(void)
{
	Relation	epochs;
	Relation	messages;
	MemoryContext context;
	MemoryContext old_context;
	RtNumbering *numbering;

	if (!open_tables(&epochs, &messages))
		return NULL;

	context = AllocSetContextCreate(TopTransactionContext,
									"realtime numbering",
									ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);
	numbering = palloc0(sizeof(RtNumbering));
	numbering->context = context;
	numbering->floor.seq = -1;
	numbering->epochs = epochs;
	numbering->messages = messages;
	rt_unflushed_touch(RelationGetRelid(messages));
	numbering->inserter = rt_inserter_begin(messages);
	numbering->index = find_primary_key(rt_inserter_target(numbering->inserter));
	MemoryContextSwitchTo(old_context);
	return numbering;
}

void
rt_numbering_end_epoch(RtNumbering *numbering, int above)
{
	MemoryContext old_context = MemoryContextSwitchTo(numbering->context);

	numbering->floor = rt_epoch_end(numbering->epochs, above);
	rt_after_commit_events_removed();
	MemoryContextSwitchTo(old_context);
}

void
rt_numbering_run(RtNumbering *numbering, char *buffer,
				 const RtUnnumbered *unnumbered, int count)
{
	MemoryContext old_context = MemoryContextSwitchTo(numbering->context);

	/* what is stored out of line wants a snapshot */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (numbering->floor.seq < 0)
		numbering->floor = rt_epoch_agree(numbering->epochs);
	numbering->now = GetCurrentTimestamp();
	numbering->request_id = origin != NULL ? origin() : NULL;
	numbering->topics = numbers_create(numbering->context, 16, NULL);

	for (int i = 0; i < count; i++)
	{
		RtRingEntry *entry = (RtRingEntry *) (buffer + unnumbered[i].begin);

		entry->seq = next_number(numbering, entry);
		add_row(numbering, entry, unnumbered[i].event_len);
	}
	rt_inserter_flush(numbering->inserter);
	rt_score_add(RT_SCORE_REPLAY_PUBLISHES, count);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old_context);
}

/* The locks of the tables are kept, as those of any that is written. */
void
rt_numbering_end(RtNumbering *numbering)
{
	rt_inserter_end(numbering->inserter);
	table_close(numbering->messages, NoLock);
	table_close(numbering->epochs, NoLock);
	MemoryContextDelete(numbering->context);
}

/* The opened index that finds the newest number. */
/*
 * Returns false if the extension is not installed any more.  Whoever drops it
 * has locks on the tables, which may be gone when we get ours.
 */
static bool
open_tables(Relation *epochs, Relation *messages)
{
	while (rt_declarations_refresh())
	{
		*epochs = try_table_open(rt_epoch_table(), RowExclusiveLock);
		if (*epochs == NULL)
			continue;
		*messages = try_table_open(rt_message_table(), RowExclusiveLock);
		if (*messages != NULL)
			return true;
		table_close(*epochs, NoLock);
	}
	return false;
}

static Relation
find_primary_key(const ResultRelInfo *target)
{
	Oid			wanted = rt_message_index(target->ri_RelationDesc);

	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		if (RelationGetRelid(target->ri_IndexRelationDescs[i]) == wanted)
			return target->ri_IndexRelationDescs[i];
	}
	elog(ERROR, "primary key of table \"%s\" is not among its indexes",
		 RelationGetRelationName(target->ri_RelationDesc));
}

/* ---- numbers ---- */

/*
 * Has the epoch end in time: half of its numbers are more than transactions
 * that are under way can need.
 */
static void
check_epoch(const RtFloor *floor, int64 seq)
{
	if (seq - rt_seq_before_epoch(floor->epoch) < RT_EPOCH_WORN)
		return;
	rt_number_mark_set_worn(true);
	if (rt_seq_epoch(seq) > floor->epoch)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("epoch %d has no number left for this topic", floor->epoch),
				 errhint("The next transaction that publishes begins another one: try again.")));
}

static int64
next_number(RtNumbering *numbering, const RtRingEntry *entry)
{
	TopicNumber *topic;
	bool		found;

	topic = numbers_insert(numbering->topics, entry, &found);
	if (!found)
		topic->last = newest_number(numbering, entry);

	topic->last = Max(topic->last, numbering->floor.seq) + 1;
	check_epoch(&numbering->floor, topic->last);
	rt_number_mark_note(topic->last);
	rt_newest_hint_set(entry->topic_hash, topic->last);
	return topic->last;
}

static int64
newest_number(RtNumbering *numbering, const RtRingEntry *entry)
{
	TupleTableSlot *slot = rt_inserter_slot(numbering->inserter);

	return rt_message_newest(numbering->messages, numbering->index, slot,
							 rt_ring_entry_topic(entry), entry->topic_len,
							 SnapshotSelf);
}

/* ---- rows ---- */

/* Rows of one topic are inserted in the order of their numbers. */
static void
add_row(RtNumbering *numbering, RtRingEntry *entry, uint32 event_len)
{
	TupleTableSlot *slot = rt_inserter_slot(numbering->inserter);
	MemoryContext old_context = MemoryContextSwitchTo(rt_inserter_values(numbering->inserter));
	RtText		event;
	RtText		data;
	const char *request_id = numbering->request_id;

	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
		slot->tts_isnull[i] = i >= Natts_message;
	slot->tts_values[Anum_message_topic - 1] =
		text_datum(rt_ring_entry_topic(entry), entry->topic_len);
	slot->tts_values[Anum_message_seq - 1] = Int64GetDatum((int64) entry->seq);
	slot->tts_values[Anum_message_created_at - 1] =
		TimestampTzGetDatum(numbering->now);
	slot->tts_isnull[Anum_message_request_id - 1] = request_id == NULL;
	if (request_id != NULL)
		slot->tts_values[Anum_message_request_id - 1] = text_datum(request_id, strlen(request_id));
	if (event_len > 0)
	{
		rt_entry_parts(entry, event_len, &event, &data);
		slot->tts_values[Anum_message_event - 1] = text_datum(event.ptr, event.len);
		slot->tts_values[Anum_message_data - 1] = text_datum(data.ptr, data.len);
	}
	else
	{
		slot->tts_isnull[Anum_message_event - 1] = true;
		slot->tts_isnull[Anum_message_data - 1] = true;
	}
	MemoryContextSwitchTo(old_context);
	rt_inserter_add(numbering->inserter, entry->size);
}

static Datum
text_datum(const char *text, Size len)
{
	return PointerGetDatum(cstring_to_text_with_len(text, (int) len));
}

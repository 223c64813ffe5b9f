/*
 * retention.c
 *		Removes old events of replay topics.
 *
 * Two ways lead to a topic: a hint of the session that made it grow
 * (src/ipc/retention.h), and a pass over all topics every
 * realtime.cleanup_interval, which also makes up for lost hints and finds
 * events that have become too old.  The topics of the pass are found by
 * skipping from one to the next in the index.
 *
 * A topic is trimmed from its oldest row on, at most BATCH_ROWS in one
 * transaction, so that what is left is always the end of its sequence:
 *
 *	- count: what lies replay_size numbers or more below the newest.  Numbers
 *	  have no gaps, so that needs no counting;
 *	- what nobody can resume from, because it does not lie above the floor;
 *	- age: what is older than replay_ttl.
 *
 * The newest row stays whatever its age, because numbers are counted on from
 * it: one that is too old becomes a lost mark.  Whoever publishes relies on
 * seeing it, so that takes the topic's lock.  If the lock is not free somebody
 * is publishing, and the row is not the newest any more.
 *
 * A topic that is not of class replay any more keeps its newest row.
 *
 * A mark is written as the owner of the table: whatever somebody may have
 * attached to it runs with no more rights than his.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration.h"
#include "src/catalog/message_store.h"
#include "src/catalog/statement.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/retention.h"
#include "src/ipc/topic_lock.h"
#include "src/scheduler/retention.h"
#include "src/scheduler/scheduler.h"

#define BATCH_ROWS 1000			/* removed in one transaction */
#define PIECE_MS 10				/* after which the loop goes on */

typedef char TopicName[RT_RETENTION_TOPIC_MAX + 1];

/* A topic as the current transaction sees it. */
typedef struct Topic
{
	const char *name;
	Size		len;
	int			keep;			/* rows */
	TimestampTz oldest_kept;	/* DT_NOBEGIN = no limit */
	int64		newest;			/* number; 0 = no row */
	int64		floor;			/* nobody can resume from this or less */
} Topic;

static TopicName working;		/* being trimmed, while there is more */
static bool more = false;
static char *cursor = NULL;		/* of the pass: the topic it has come to */
static bool passing = false;
static int64 pass_ended = PG_INT64_MIN / 2; /* none yet: one is due */

/* ---- what is to be removed ---- */

static void
read_limits(Topic *topic)
{
	const RtTopicDeclaration *declaration =
		rt_declaration_topic(topic->name, topic->len);

	topic->keep = 1;
	topic->oldest_kept = DT_NOBEGIN;
	if (declaration == NULL || declaration->topic_class != RT_TOPIC_REPLAY)
		return;
	topic->keep = declaration->replay_size;
	if (declaration->replay_ttl_ms >= 0 &&
		declaration->replay_ttl_ms < GetCurrentTimestamp() / 1000)
		topic->oldest_kept = GetCurrentTimestamp() -
			declaration->replay_ttl_ms * 1000;
}

static int64
newest_number(Relation messages, const Topic *topic)
{
	Relation	index = rt_message_index_open(messages, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(messages, NULL);
	int64		newest;

	newest = rt_message_newest(messages, index, slot, topic->name, topic->len,
							   GetActiveSnapshot());
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	return newest;
}

/*
 * The rows to be removed now, the oldest of the topic.  *all: there are no more.
 * *expired: the newest row has to become a lost mark.
 */
static int
rows_to_remove(const Topic *topic, ItemPointerData *rows, bool *all, bool *expired)
{
	RtReplayScan *scan = rt_replay_begin(topic->name, topic->len, 0,
										 GetActiveSnapshot());
	int			count = 0;
	RtReplayRow row;

	*all = true;
	*expired = false;
	while (rt_replay_next(scan, &row))
	{
		bool		too_old = row.created_at < topic->oldest_kept;

		if (row.seq == topic->newest)
			*expired = too_old && row.event != NULL;
		if (row.seq >= topic->newest ||
			!(too_old || row.seq <= Max(topic->floor, topic->newest - topic->keep)))
			break;
		if (count == BATCH_ROWS)
		{
			*all = false;
			break;
		}
		rows[count++] = row.tid;
	}
	rt_replay_end(scan);
	return count;
}

/* ---- removing it ---- */

/* Without SQL, as they were inserted; somebody else may have been quicker. */
static void
remove_rows(Relation messages, ItemPointerData *rows, int count)
{
	int			removed = 0;

	for (int i = 0; i < count; i++)
	{
		TM_FailureData failure;

		CHECK_FOR_INTERRUPTS();
		if (table_tuple_delete(messages, &rows[i], GetCurrentCommandId(true),
							   GetActiveSnapshot(), InvalidSnapshot, true,
							   &failure, false) == TM_Ok)
			removed++;
	}
	rt_scheduler_count(trimmed, removed);
}

static void
write_mark(Relation messages, const Topic *topic)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.replay_message SET event = NULL, data = NULL"
		" WHERE topic OPERATOR(pg_catalog.=) $1 AND seq OPERATOR(pg_catalog.=) $2"
	};

	rt_statement_put_text(&statement, topic->name);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(topic->newest), false);
	(void) rt_statement_run(&statement, RelationGetRelid(messages), SPI_OK_UPDATE);
}

/* The snapshot is older than the lock: a newer row may have come. */
static void
mark_newest(Relation messages, const Topic *topic)
{
	uint32		partition =
		rt_topic_partition(rt_topic_hash(topic->name, topic->len));

	if (!rt_partition_try_lock(partition, ExclusiveLock))
		return;
	PushActiveSnapshot(GetLatestSnapshot());
	if (newest_number(messages, topic) == topic->newest)
		write_mark(messages, topic);
	PopActiveSnapshot();
}

/* Returns whether there is more to be removed. */
static bool
trim(const char *name)
{
	Topic		topic = {.name = name,.len = strlen(name)};
	ItemPointerData rows[BATCH_ROWS];
	Relation	messages;
	bool		all = true;
	bool		expired = false;

	if (!rt_scheduler_begin())
		return false;
	read_limits(&topic);
	messages = table_open(rt_message_table(), RowExclusiveLock);
	topic.newest = newest_number(messages, &topic);
	topic.floor = rt_replay_numbers(name, topic.len, GetActiveSnapshot()).floor;
	if (topic.newest != 0)
	{
		int			count = rows_to_remove(&topic, rows, &all, &expired);

		remove_rows(messages, rows, count);
		if (expired)
			mark_newest(messages, &topic);
	}
	table_close(messages, NoLock);
	rt_scheduler_end();
	return !all;
}

/* ---- the pass ---- */

static void
set_cursor(const char *topic)
{
	if (cursor != NULL)
		pfree(cursor);
	cursor = NULL;
	if (topic != NULL)
		cursor = MemoryContextStrdup(TopMemoryContext, topic);
}

/* Moves the cursor to the next topic; returns false at the end. */
static bool
next_topic(void)
{
	Relation	messages;
	Relation	index;
	TupleTableSlot *slot;
	char	   *topic;

	if (!rt_scheduler_begin())
		return false;
	messages = table_open(rt_message_table(), AccessShareLock);
	index = rt_message_index_open(messages, AccessShareLock);
	slot = table_slot_create(messages, NULL);
	topic = rt_message_next_topic(messages, index, slot,
								  cursor != NULL ? cursor : "",
								  GetActiveSnapshot());
	set_cursor(topic);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(messages, AccessShareLock);
	rt_scheduler_end();
	return topic != NULL;
}

static bool
pass_is_due(void)
{
	return passing ||
		(realtime_cleanup_interval > 0 &&
		 rt_clock_ms() >= pass_ended + realtime_cleanup_interval);
}

static void
end_pass(void)
{
	passing = false;
	pass_ended = rt_clock_ms();
	rt_scheduler_count(passes, 1);
}

/*
 * Puts the name of the next topic that may have too much into working;
 * returns false if there is none.
 */
static bool
find_work(void)
{
	if (rt_retention_take(working))
		return true;
	if (!pass_is_due())
		return false;
	if (!passing)
		set_cursor(NULL);
	passing = true;
	if (!next_topic())
	{
		end_pass();
		return false;
	}
	/* whatever is longer has been written by hand, and is no topic */
	strlcpy(working, cursor, sizeof(working));
	return true;
}

/* ---- the task ---- */

int64
rt_retention_due(void)
{
	if (more || passing || rt_retention_pending())
		return 0;
	if (realtime_cleanup_interval == 0)
		return RT_NEVER;
	return pass_ended + realtime_cleanup_interval;
}

void
rt_retention_run(void)
{
	int64		began = rt_clock_ms();

	do
	{
		if (!more && !find_work())
			break;
		more = false;			/* an ERROR ends the work on this topic */
		more = trim(working);
	} while (rt_clock_ms() - began < PIECE_MS);
}

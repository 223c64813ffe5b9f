/*
 * epoch.c
 *		The epoch of the numbers, and the floor below which none counts.
 *
 * Numbers that a crash, a failover or a restore may have given away twice are
 * told apart by their epoch.  The row of realtime.replay_epoch says where its
 * epoch has been in use: server, timeline, database and table.  Whoever finds
 * itself elsewhere begins a new epoch first.
 *
 * Where a gap must be seen that no number tells of (a TRUNCATE of a live table,
 * a change of class), no epoch is needed: the floor is raised to the highest
 * number of all topics and one.  There are two million epochs and 2^32 numbers
 * in each, so this can go on for ever.  The highest number is known of epochs
 * that this server's life has seen begin; of others it is not, and they end.
 *
 * An epoch ends also when half of its numbers are used up in one topic: not by
 * whom that happens to, who has that topic's lock only, but by who comes next.
 *
 * Whoever changes the row keeps the lock of the epoch until its transaction
 * ends.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/backend/publish/epoch.h"
#include "src/catalog/message_store.h"
#include "src/ipc/number_mark.h"
#include "src/ipc/topic_lock.h"

static bool
is_ours(Relation epochs, const RtEpoch *epoch)
{
	return epoch->system_identifier == GetSystemIdentifier() &&
		epoch->timeline == GetWALInsertionTimeLine() &&
		epoch->database == MyDatabaseId &&
		epoch->table == RelationGetRelid(epochs);
}

/* Inserts the row, or updates the old one. */
static void
write_row(Relation epochs, const RtEpoch *epoch, ItemPointer old)
{
	TupleDesc	desc = RelationGetDescr(epochs);
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	HeapTuple	tuple;

	for (int i = 0; i < desc->natts; i++)
		nulls[i] = i >= Natts_epoch;
	values[Anum_epoch_singleton - 1] = BoolGetDatum(true);
	values[Anum_epoch_epoch - 1] = Int32GetDatum(epoch->epoch);
	values[Anum_epoch_floor - 1] = Int64GetDatum(epoch->floor);
	values[Anum_epoch_system_identifier - 1] =
		Int64GetDatum((int64) GetSystemIdentifier());
	values[Anum_epoch_timeline - 1] =
		Int32GetDatum((int32) GetWALInsertionTimeLine());
	values[Anum_epoch_database_oid - 1] = ObjectIdGetDatum(MyDatabaseId);
	values[Anum_epoch_table_oid - 1] = ObjectIdGetDatum(RelationGetRelid(epochs));

	tuple = heap_form_tuple(desc, values, nulls);
	if (old != NULL)
		CatalogTupleUpdate(epochs, old, tuple);
	else
		CatalogTupleInsert(epochs, tuple);
	heap_freetuple(tuple);
	pfree(values);
	pfree(nulls);
}

static RtFloor
floor_of(const RtEpoch *epoch)
{
	RtFloor		floor = {epoch->epoch, rt_epoch_floor(epoch)};

	return floor;
}

/* Begins an epoch; old is the row that gives way to it, or NULL. */
static RtFloor
begin_epoch(Relation epochs, int number, RtEpoch *old)
{
	RtEpoch		epoch = {.epoch = number};

	if (number > RT_EPOCH_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("numbers of events are used up"),
				 errdetail("Epoch %d is the last one.", RT_EPOCH_MAX)));
	write_row(epochs, &epoch, old != NULL ? &old->tid : NULL);
	rt_number_mark_begin_epoch(MyDatabaseId, RelationGetRelid(epochs), number);
	return floor_of(&epoch);
}

RtFloor
rt_epoch_agree(Relation epochs)
{
	RtEpoch		epoch;

	if (rt_epoch_read(epochs, SnapshotSelf, &epoch) && is_ours(epochs, &epoch))
		return floor_of(&epoch);

	/* look again: somebody may have been quicker */
	rt_epoch_lock();
	if (!rt_epoch_read(epochs, SnapshotSelf, &epoch))
		return begin_epoch(epochs, 0, NULL);
	if (!is_ours(epochs, &epoch))
		return begin_epoch(epochs, epoch.epoch + 1, &epoch);
	return floor_of(&epoch);
}

/* The highest number of any topic in the epoch, or -1 if it is not known. */
static int64
highest_in_epoch(Relation epochs, const RtEpoch *epoch)
{
	int64		highest = rt_number_mark();

	if (!is_ours(epochs, epoch) ||
		!rt_number_mark_is_complete(MyDatabaseId, RelationGetRelid(epochs), epoch->epoch) ||
		rt_seq_epoch(highest) > epoch->epoch)
		return -1;
	return Max(highest, rt_epoch_floor(epoch)) - rt_seq_before_epoch(epoch->epoch);
}

RtFloor
rt_epoch_end(Relation epochs, int above)
{
	RtEpoch		epoch;
	int64		highest;

	rt_epoch_lock();
	rt_number_mark_set_worn(false);
	if (!rt_epoch_read(epochs, SnapshotSelf, &epoch))
		return begin_epoch(epochs, Max(above, 0) + 1, NULL);

	highest = highest_in_epoch(epochs, &epoch);
	if (highest < 0 || highest + 1 >= RT_EPOCH_WORN || epoch.epoch <= above)
		return begin_epoch(epochs, Max(above, epoch.epoch) + 1, &epoch);
	epoch.floor = highest + 1;
	write_row(epochs, &epoch, &epoch.tid);
	return floor_of(&epoch);
}

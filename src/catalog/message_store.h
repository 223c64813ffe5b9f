/*
 * message_store.h
 *		Events of replay topics, as their table keeps them.
 *
 * Numbers ("seq") are epoch * 2^32 + n with n from 1, below 2^53.  There is a
 * floor, the same for all topics: numbers up to it, of earlier epochs in any
 * case, say nothing about those above it.  The rows of a topic above the floor
 * have consecutive numbers; the oldest are removed, the newest never is.  A row
 * without an event is a lost mark: whoever has seen less cannot be given what
 * it missed.
 *
 * Reading needs no rights, takes no lock of a topic and writes nothing, so it
 * works on a hot standby.  The snapshot must be registered or active, or
 * SnapshotSelf with the topic's lock held.
 */
#ifndef RT_CATALOG_MESSAGE_STORE_H
#define RT_CATALOG_MESSAGE_STORE_H

#include "src/compat.h"

#include "access/xlogdefs.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

/* Columns of realtime.replay_message */
enum
{
	Anum_message_topic = 1,
	Anum_message_seq,
	Anum_message_event,
	Anum_message_data,
	Anum_message_created_at,
	Anum_message_request_id,
	Natts_message = Anum_message_request_id
};

/* Columns of realtime.replay_epoch */
enum
{
	Anum_epoch_singleton = 1,
	Anum_epoch_epoch,
	Anum_epoch_floor,
	Anum_epoch_system_identifier,
	Anum_epoch_timeline,
	Anum_epoch_database_oid,
	Anum_epoch_table_oid,
	Natts_epoch = Anum_epoch_table_oid
};

#define RT_EPOCH_SHIFT 32
#define RT_EPOCH_MAX ((1 << 21) - 1)	/* numbers stay below 2^53 */
#define RT_EPOCH_WORN (INT64CONST(1) << 31) /* numbers of an epoch that is to end */

#define rt_seq_epoch(seq) ((seq) >> RT_EPOCH_SHIFT)
#define rt_seq_before_epoch(epoch) ((int64) (epoch) << RT_EPOCH_SHIFT)

/* The numbers of a topic that count: those above the floor. */
typedef struct RtReplayNumbers
{
	int64		floor;
	int64		newest;			/* the floor if there is none above it */
} RtReplayNumbers;

/*
 * Who has just loaded goes on from the newest number, which is 0 for a topic
 * without events in the first epoch.
 */
extern RtReplayNumbers rt_replay_numbers(const char *topic, Size len,
										 Snapshot snapshot);

/*
 * Whether a client that has seen everything up to since cannot be given all
 * that came after it.  The numbers are those of the same snapshot.
 */
extern bool rt_replay_is_truncated(const char *topic, Size len, int64 since,
								   const RtReplayNumbers *numbers,
								   Snapshot snapshot);

/* Whether there are rows of any topic that a checked template matches, or "". */
extern bool rt_replay_any(const char *tpl, Size len);

/* A row; texts are not terminated and valid until the next one is read. */
typedef struct RtReplayRow
{
	int64		seq;
	const char *event;			/* UTF-8; NULL = a lost mark */
	uint32		event_len;
	const char *data;			/* JSON in UTF-8 */
	uint32		data_len;
	TimestampTz created_at;
	ItemPointerData tid;
} RtReplayRow;

typedef struct RtReplayScan RtReplayScan;

/* The rows above since by number, in the caller's memory context. */
extern RtReplayScan *rt_replay_begin(const char *topic, Size len, int64 since,
									 Snapshot snapshot);
extern bool rt_replay_next(RtReplayScan *scan, RtReplayRow *row);
extern void rt_replay_end(RtReplayScan *scan);

/* ---- for who writes ---- */

/*
 * The newest number of a topic in the table, 0 if there is none; the slot is
 * of the table's kind.
 */
extern int64 rt_message_newest(Relation messages, Relation index,
							   TupleTableSlot *slot, const char *topic,
							   Size len, Snapshot snapshot);

/* The first topic behind another one ("" = of all), or NULL. */
extern char *rt_message_next_topic(Relation messages, Relation index,
								   TupleTableSlot *slot, const char *after,
								   Snapshot snapshot);

/* The index of the primary key. */
extern Oid	rt_message_index(Relation messages);
extern Relation rt_message_index_open(Relation messages, LOCKMODE mode);

/* The row of realtime.replay_epoch. */
typedef struct RtEpoch
{
	int			epoch;
	int64		floor;			/* within the epoch */
	uint64		system_identifier;
	TimeLineID	timeline;
	Oid			database;
	Oid			table;
	ItemPointerData tid;
} RtEpoch;

static inline int64
rt_epoch_floor(const RtEpoch *epoch)
{
	return rt_seq_before_epoch(epoch->epoch) + epoch->floor;
}

/* Returns false if there is no row, or if it is just being changed. */
extern bool rt_epoch_read(Relation epochs, Snapshot snapshot, RtEpoch *epoch);

#endif							/* RT_CATALOG_MESSAGE_STORE_H */

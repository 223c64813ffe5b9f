/*
 * publish_ring.h
 *		Committed events on their way from any backend to every gateway.
 *
 * A byte ring (byte_ring.h).  A transaction appends all its events at commit,
 * in one piece; while the topic's lock is still held, so ring order is commit
 * order per topic.  A reader that was overrun asks which partitions of topics
 * moved.
 */
#ifndef RT_IPC_PUBLISH_RING_H
#define RT_IPC_PUBLISH_RING_H

#include "src/compat.h"

#include "src/ipc/byte_ring.h"
#include "src/ipc/durability.h"

#define RT_TOPIC_PARTITIONS 1024	/* locks and positions of topics */

typedef enum RtTopicClass
{
	RT_TOPIC_VOLATILE,
	RT_TOPIC_ORDERED,
	RT_TOPIC_REPLAY,
	RT_TOPIC_SENT,				/* to recipients, on no topic (recipient.h) */
	RT_TOPIC_COMMAND,			/* likewise, and no frame but what their gateway is to do */
	RT_TOPIC_TOGETHER,			/* ordered: for those who take several events in a frame, */
	RT_TOPIC_APART				/* and the same for all others */
} RtTopicClass;

/* Whether entries have a place among others of their topic. */
#define rt_topic_class_has_order(class) \
	((class) == RT_TOPIC_ORDERED || (class) == RT_TOPIC_REPLAY)

/*
 * An entry as it lies in the ring: header, topic, frame; padded to 8 bytes.
 * The frame is a complete server frame.
 */
typedef struct RtRingEntry
{
	uint32		size;			/* with header and padding */
	uint32		topic_hash;
	XLogRecPtr	lsn;			/* to be durable before; 0 = do not wait */
	uint64		seq;			/* replay topics, live queries; 0 = none */
	uint16		topic_len;
	uint8		topic_class;	/* RtTopicClass */
	uint8		flags;			/* RT_RING_* below */
	uint32		frame_len;
	/* topic bytes, frame bytes, key */
} RtRingEntry;

/*
 * No frame: subscribers of the topic are told that they lost events.  Of many
 * topics: of all that match the template that stands in the topic's place, or,
 * if there is none, of all in the partition of topic_hash.
 */
#define RT_RING_LOST 0x01
#define RT_RING_MANY 0x02		/* with LOST */
#define RT_RING_RELOAD_TOPICS 0x10	/* no frame: streams whose topics match the
									 * pattern in its place are loaded anew */
#define RT_RING_RELOAD_PATH 0x20	/* the same for the stream of a path */
#define RT_RING_RELOAD (RT_RING_RELOAD_TOPICS | RT_RING_RELOAD_PATH)
#define RT_RING_KEYED 0x40		/* a key is behind the frame, see below */
#define RT_RING_ROUND 0x80		/* of a round of live queries, see below */
#define RT_RING_MODE_SHIFT 2	/* two bits: the mode of RtDurability and one */

#define rt_ring_entry_topic(e) ((const char *) (e) + sizeof(RtRingEntry))
#define rt_ring_entry_frame(e) (rt_ring_entry_topic(e) + (e)->topic_len)
#define rt_ring_entry_size(topic_len, frame_len) \
	MAXALIGN(sizeof(RtRingEntry) + (topic_len) + (frame_len))
#define rt_topic_partition(hash) ((hash) % RT_TOPIC_PARTITIONS)

/*
 * Of a round: events of live queries, whose numbers are for those who come back;
 * without a frame: up to which position the
 * query of the topic is true, in the place of a number, 0 = as all are (volatile:
 * that will be so for long, and nobody is to wait for it); without a
 * topic, too: the end of the round, and the position up to which all are.  These
 * are positions of changes (change_ring.h).
 */
#define rt_ring_is_round_end(e) \
	(((e)->flags & RT_RING_ROUND) != 0 && (e)->topic_len == 0)
#define rt_ring_is_query_position(e) \
	(((e)->flags & RT_RING_ROUND) != 0 && (e)->frame_len == 0)
#define rt_ring_query_is_late_for_long(e) ((e)->topic_class == RT_TOPIC_VOLATILE)
#define rt_ring_round_end_hash() rt_topic_hash("", 0)

/* The key: a byte for its length, and its bytes. */
#define RT_RING_KEY_MAX 255
#define rt_ring_entry_key(e) (rt_ring_entry_frame(e) + (e)->frame_len + 1)
#define rt_ring_entry_key_len(e) \
	((e)->flags & RT_RING_KEYED ? \
	 (uint8) rt_ring_entry_frame(e)[(e)->frame_len] : 0)

/* What must be durable before an entry is told.  Is set once. */
static inline RtDurability
rt_ring_entry_durability(const RtRingEntry *entry)
{
	return (RtDurability) {entry->lsn,
		((entry->flags >> RT_RING_MODE_SHIFT) & 3) + SYNC_REP_NO_WAIT};
}

static inline void
rt_ring_entry_set_durability(RtRingEntry *entry, RtDurability needed)
{
	entry->lsn = needed.lsn;
	entry->flags |= (needed.mode - SYNC_REP_NO_WAIT) << RT_RING_MODE_SHIFT;
}

extern Size rt_ring_size(void);
extern void rt_ring_init(void);

/* The same everywhere: advisory locks, positions and tables rest on it. */
extern uint32 rt_topic_hash(const char *topic, Size len);

/* The most that one transaction can append. */
extern Size rt_ring_capacity(void);

/*
 * Appends size bytes of whole entries and wakes the gateways that have
 * subscribers in their partitions.  Never fails, waits or allocates; size is
 * at most rt_ring_capacity().  Called at commit, with the topics' locks held.
 */
extern void rt_ring_append(const char *entries, Size size);

/* Behind what this process has appended last; others may set it to 0. */
extern uint64 rt_ring_own_end;

/* End of what has been written. */
extern uint64 rt_ring_position(void);

/* See rt_byte_ring_read(). */
extern RtRingRead rt_ring_read(RtRingReader *reader, uint64 limit,
							   const RtRingEntry **entry);

/* Position behind the last event of a partition. */
extern uint64 rt_ring_partition_position(uint32 partition);

/* Since when positions count: another value for each life of the memory. */
extern uint64 rt_ring_beginning(void);

/*
 * A gateway's interest in a partition: it is woken only for those in which it
 * has subscribers.  Count one subscriber more or less.
 */
extern void rt_ring_interest_add(int gateway, uint32 topic_hash);
extern void rt_ring_interest_remove(int gateway, uint32 topic_hash);
extern void rt_ring_interest_reset(int gateway);

/* Whether any gateway is, by then or earlier. */
extern bool rt_ring_interests(uint32 topic_hash);

/*
 * While a gateway polls it is not woken for events (but as the ring fills).
 * It must look at the ring by itself, soon after it has said so.
 */
extern void rt_ring_set_polling(int gateway, bool polls);

#endif							/* RT_IPC_PUBLISH_RING_H */

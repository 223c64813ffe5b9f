/*
 * fanout.c
 *		Delivers committed events in ring order.
 *
 * The frame in the ring goes to every subscriber as it is, or compressed, once
 * for all who have agreed on that.  An entry that is
 * not durable yet stops the reading: what is behind it waits too, so that no
 * client sees an event that a crash could undo, and order is kept.
 *
 * Whoever cannot take an event of an ordered topic is marked, gets nothing
 * more of that topic and, once drained, the marker that makes it fetch anew,
 * or, if the events have numbers, what it has missed (repair.c).  Volatile
 * events are dropped.
 */
#include "postgres.h"

#include "src/gateway/command.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/busiest.h"
#include "src/gateway/topic/conflate.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/group.h"
#include "src/gateway/topic/recipient.h"
#include "src/gateway/topic/round_frame.h"
#include "src/gateway/topic/stream.h"
#include "src/gateway/topic/tail.h"
#include "src/gateway/topic/topic_watch.h"
#include "src/ipc/command_box.h"
#include "src/ipc/limit.h"
#include "src/ipc/publish_ring.h"
#include "src/protocol/topic.h"

#define TURN_BYTES (512 * 1024) /* of the ring, before output is written */
#define STANDBY_PATIENCE_MS 1000	/* for standbys that confirm nothing */

static RtRingReader reader;
static RtDurability blocked;	/* what the next entry waits for, if it does */
static uint64 events = 0;		/* read */

/*
 * Partitions whose topics are all lost.  Such entries come in long rows, so
 * they are collected and the topics visited once for all of them.
 */
static struct
{
	bool		any;
	uint64		position;		/* behind the last of the entries */
	bits8		partitions[RT_TOPIC_PARTITIONS / BITS_PER_BYTE];
} lost;

void
rt_fanout_init(void)
{
	reader.position = rt_ring_position();
	pg_atomic_write_u64(&rt_gateway.counters->ring_position, reader.position);
}

bool
rt_fanout_pending(void)
{
	return rt_ring_position() > reader.position;
}

uint64
rt_fanout_position(void)
{
	return reader.position;
}

uint64
rt_fanout_events(void)
{
	return events;
}

/* ---- what must not be told yet ---- */

static bool
entry_is_durable(const RtRingEntry *entry)
{
	return rt_durable_has(&rt_gateway.durable, rt_ring_entry_durability(entry));
}

/* Whether standbys have confirmed nothing for long while an entry waits. */
static bool
standbys_are_stuck(int mode)
{
	static XLogRecPtr confirmed[NUM_SYNC_REP_WAIT_MODE];
	static int64 since[NUM_SYNC_REP_WAIT_MODE];

	if (since[mode] == 0 || confirmed[mode] != rt_gateway.durable.confirmed[mode])
	{
		confirmed[mode] = rt_gateway.durable.confirmed[mode];
		since[mode] = rt_gateway.now_ms;
	}
	return rt_gateway.now_ms - since[mode] >= STANDBY_PATIENCE_MS;
}

/*
 * An entry that is not durable stops the reading, so that order is kept.  But
 * standbys may take for ever, and other topics cannot wait for that: then the
 * entry is passed over.
 */
static bool
entry_has_to_wait(const RtRingEntry *entry)
{
	RtDurability needed = rt_ring_entry_durability(entry);

	if (needed.lsn <= rt_gateway.durable.flushed &&
		standbys_are_stuck(needed.mode))
		return false;
	blocked = needed;
	return true;
}

bool
rt_fanout_is_durable(const RtDurable *now)
{
	return blocked.lsn != InvalidXLogRecPtr && rt_durable_has(now, blocked);
}

bool
rt_fanout_for_standbys(void)
{
	return blocked.mode != SYNC_REP_NO_WAIT;
}

/* ---- delivering ---- */

/* Nothing of the topic can be told, or no more than that this is lost. */
static void
take_loss(RtSubscription *subscription, int64 seq)
{
	if (seq == 0 || seq > subscription->last_seq)
		rt_subscription_lose_for_good(subscription);
}

/* Those of live queries are for who comes back; here the ring tells what is new. */
static int64
number_of(const RtRingEntry *entry)
{
	return entry->flags & RT_RING_ROUND ? 0 : (int64) entry->seq;
}

static RtEventFrame
frame_of(const RtRingEntry *entry)
{
	return rt_event_frame(rt_ring_entry_frame(entry), entry->frame_len);
}

static void
drop_event(RtSubscription *subscription, const RtRingEntry *entry)
{
	rt_count(dropped);
	if (entry->topic_class != RT_TOPIC_VOLATILE)
		rt_subscription_lose_from(subscription, number_of(entry));
}

/* Returns false if the connection has no room for it. */
static bool
send_event(RtSubscription *subscription, const RtRingEntry *entry,
		   RtEventFrame *frame)
{
	if (rt_conflate_wants(subscription, entry))
		return rt_conflate_keep(subscription, entry);
	if ((entry->flags & RT_RING_ROUND) != 0 && subscription->connection->caps_pos)
		return rt_round_frame_hold(subscription->connection, frame);
	return rt_connection_deliver(subscription->connection, frame);
}

/* What there is in two forms comes in one of them. */
static bool
takes(const RtConnection *connection, const RtRingEntry *entry)
{
	if (entry->topic_class == RT_TOPIC_TOGETHER)
		return connection->caps_batch;
	return entry->topic_class != RT_TOPIC_APART || !connection->caps_batch;
}

static void
deliver_to(RtSubscription *subscription, const RtRingEntry *entry,
		   RtEventFrame *frame)
{
	int64		seq = number_of(entry);

	if (subscription->lost || !takes(subscription->connection, entry))
		return;
	if (entry->flags & RT_RING_LOST)
		take_loss(subscription, seq);
	else if (seq != 0 && !rt_subscription_expects(subscription, seq))
		 /* sent before, or lost */ ;
	else if (!entry_is_durable(entry) || !send_event(subscription, entry, frame))
		drop_event(subscription, entry);
	else if (seq != 0)
		rt_subscription_note_sent(subscription, seq);
}

/* Delivers an entry, the last one before the reader's position. */
static void
deliver_to_topic(RtTopic *topic, const RtRingEntry *entry)
{
	RtEventFrame frame = frame_of(entry);

	for (uint32 i = 0; i < topic->subscriber_count; i++)
	{
		RtSubscription *subscription = topic->subscribers[i];

		if (subscription->state == RT_SUBSCRIPTION_ACTIVE &&
			subscription->position < reader.position)
			deliver_to(subscription, entry, &frame);
	}
}

static bool
concerns_topic(const RtRingEntry *entry, const RtTopic *topic)
{
	const char *name = rt_ring_entry_topic(entry);

	if (entry->flags & RT_RING_RELOAD)
		return false;
	if ((entry->flags & RT_RING_MANY) == 0)
		return entry->topic_hash == topic->hash &&
			entry->topic_len == topic->name_len &&
			memcmp(name, topic->name, topic->name_len) == 0;
	if (entry->topic_len > 0)
		return rt_template_match(name, entry->topic_len, topic->name,
								 topic->name_len, NULL);
	return rt_topic_partition(entry->topic_hash) == rt_topic_partition(topic->hash);
}

static void
deliver_if_concerned(RtTopic *topic, void *argument)
{
	const RtRingEntry *entry = argument;

	if (concerns_topic(entry, topic))
		deliver_to_topic(topic, entry);
}

static void
collect_partition(const RtRingEntry *entry)
{
	uint32		partition = rt_topic_partition(entry->topic_hash);

	lost.any = true;
	lost.position = reader.position;
	lost.partitions[partition / BITS_PER_BYTE] |= 1 << (partition % BITS_PER_BYTE);
}

static void
mark_if_partition_lost(RtTopic *topic, void *argument)
{
	uint32		partition = rt_topic_partition(topic->hash);

	if ((lost.partitions[partition / BITS_PER_BYTE] &
		 (1 << (partition % BITS_PER_BYTE))) == 0)
		return;
	for (uint32 i = 0; i < topic->subscriber_count; i++)
	{
		RtSubscription *subscription = topic->subscribers[i];

		if (subscription->state != RT_SUBSCRIPTION_ACTIVE ||
			subscription->position >= lost.position || subscription->lost)
			continue;
		rt_subscription_lose_for_good(subscription);
	}
}

/* Before any other entry is delivered, and at the end of a turn. */
static void
mark_collected_partitions(void)
{
	if (likely(!lost.any))
		return;
	rt_topics_visit(mark_if_partition_lost, NULL);
	memset(&lost, 0, sizeof(lost));
}

static void
reload_streams(const RtRingEntry *entry)
{
	if (entry->flags & RT_RING_RELOAD_TOPICS)
		rt_groups_reload_topics(rt_ring_entry_topic(entry), entry->topic_len,
								reader.position);
	else
		rt_groups_reload_path(rt_ring_entry_topic(entry), entry->topic_len,
							  reader.position);
}

/* What is kept for those who come back, or has that forgotten. */
static bool
concerns_tails(const RtRingEntry *entry)
{
	if (entry->flags & RT_RING_ROUND)
		return !rt_ring_is_query_position(entry) && entry->seq != 0;
	return entry->topic_class == RT_TOPIC_REPLAY || (entry->flags & RT_RING_LOST) != 0;
}

static void
note_lag(void)
{
	uint64		lag = rt_ring_position() - reader.position;

	rt_show(ring_lag, lag);
	rt_limit_note(RT_LIMIT_RING_SIZE, lag);
}

static void
deliver_entry(const RtRingEntry *entry)
{
	RtTopic    *topic;

	if (entry->topic_class == RT_TOPIC_SENT)
	{
		rt_recipients_deliver(entry, reader.position, entry_is_durable(entry));
		return;
	}
	if (entry->topic_class == RT_TOPIC_COMMAND)
	{
		rt_command_deliver(entry, entry_is_durable(entry));
		return;
	}
	if (concerns_tails(entry))
		rt_tail_note(entry, reader.position, entry_is_durable(entry));
	if ((entry->flags & RT_RING_MANY) != 0 && entry->topic_len == 0)
	{
		collect_partition(entry);
		return;
	}
	note_lag();
	mark_collected_partitions();
	if (rt_ring_is_round_end(entry))
	{
		rt_round_frames_end(entry->seq);
		return;
	}
	if (entry->flags & RT_RING_RELOAD)
	{
		reload_streams(entry);
		return;
	}
	if (entry->flags & RT_RING_MANY)
	{
		rt_topics_visit(deliver_if_concerned, unconstify(RtRingEntry *, entry));
		return;
	}
	if (!rt_ring_is_query_position(entry))
		rt_busiest_note(entry);
	if (entry->flags & RT_RING_ROUND)
		rt_round_frames_begin();
	topic = rt_topic_find(rt_ring_entry_topic(entry), entry->topic_len);
	if (topic == NULL)
		return;
	if (rt_ring_is_query_position(entry))
	{
		rt_round_frames_note(topic, entry);
		return;
	}
	if (unlikely(rt_topics_are_watched))
		rt_topic_watch_event(topic, entry);
	topic->last_event_ms = rt_gateway.now_ms;
	topic->events++;
	deliver_to_topic(topic, entry);
}

/* ---- overrun ---- */

/* Those that are not active yet will read for themselves. */
static void
mark_topic_lost(RtTopic *topic, void *argument)
{
	uint64		lost_from = *(uint64 *) argument;
	uint64		moved = rt_ring_partition_position(rt_topic_partition(topic->hash));

	if (moved <= lost_from)
		return;
	for (uint32 i = 0; i < topic->subscriber_count; i++)
	{
		RtSubscription *subscription = topic->subscribers[i];

		if (subscription->state != RT_SUBSCRIPTION_ACTIVE ||
			subscription->position >= moved)
			continue;
		rt_subscription_lose(subscription);
	}
}

/* We were overtaken: whatever moved since is unknown to its subscribers. */
static void
recover_from_overrun(void)
{
	uint64		lost_from = reader.position;

	rt_round_frames_break();
	rt_tails_forget();
	rt_commands_note_overrun();
	reader.position = rt_ring_position();
	pg_memory_barrier();
	rt_topics_visit(mark_topic_lost, &lost_from);
	rt_recipients_miss(lost_from);
	rt_groups_reload_topics("*", 1, reader.position);	/* one may have asked for it */
	rt_count(ring_overruns);
	rt_limit_hit(RT_LIMIT_RING_SIZE);
}

/* ---- how much there is ---- */

void
rt_fanout_sweep(void)
{
	static uint64 events_seen = 0;
	static int64 seen_ms = 0;
	uint64		events = rt_fanout_events();
	int64		elapsed_ms = rt_gateway.now_ms - seen_ms;

	if (elapsed_ms <= 0)
		return;
	pg_atomic_write_u64(&rt_gateway.counters->publish_rate,
						(events - events_seen) * 1000 / elapsed_ms);
	rt_busiest_tell(elapsed_ms);
	events_seen = events;
	seen_ms = rt_gateway.now_ms;
}

/* ---- running ---- */

/*
 * Without subscribers there is nothing to read, nor to be overrun.  But who is
 * about to follow a stream gets events from before its reply: they have to be read,
 * if only to see that they are flushed; while the latest events are kept for those
 * who come back, none may be missing; and commands are carried out although their
 * connection has gone.
 */
static void
pass_by_all(void)
{
	uint64		position = rt_ring_position();	/* first, as commands are boxed
												 * before their entry is there */

	if (!rt_topics_any() && !rt_streams_in_flight() && !rt_tails_any() &&
		!rt_recipients_any() && rt_command_box_is_empty(rt_gateway.index))
		reader.position = position;
}

static RtFanoutResult
deliver_turn(void)
{
	uint64		stop;
	const RtRingEntry *entry;

	pass_by_all();
	blocked = RT_DURABLE;
	stop = reader.position + TURN_BYTES;
	for (;;)
	{
		switch (rt_ring_read(&reader, PG_UINT64_MAX, &entry))
		{
			case RT_RING_EMPTY:
				return RT_FANOUT_IDLE;
			case RT_RING_OVERRUN:
				recover_from_overrun();
				break;
			case RT_RING_ENTRY:
				if (!entry_is_durable(entry) && entry_has_to_wait(entry))
				{
					reader.position -= entry->size;
					return RT_FANOUT_WAITING;
				}
				events++;
				deliver_entry(entry);
				break;
		}
		if (reader.position >= stop || rt_sockets_are_full())
			return RT_FANOUT_MORE;
	}
}

RtFanoutResult
rt_fanout_run(void)
{
	RtFanoutResult result = deliver_turn();

	pg_atomic_write_u64(&rt_gateway.counters->ring_position, reader.position);
	mark_collected_partitions();
	rt_round_frames_pause();
	return result;
}

/* Whether a new subscription may have missed something, told cheaply. */
static bool
has_moved(const RtSubscription *subscription)
{
	uint32		partition = rt_topic_partition(subscription->topic->hash);

	return subscription->position < reader.position &&
		subscription->position < rt_ring_partition_position(partition);
}

static void
deliver_late(RtSubscription **subscriptions, int count,
			 const RtRingEntry *entry, uint64 position)
{
	RtEventFrame frame = frame_of(entry);

	for (int i = 0; i < count; i++)
	{
		if (!concerns_topic(entry, subscriptions[i]->topic) ||
			subscriptions[i]->position >= position)
			continue;
		if (rt_ring_is_query_position(entry))
			rt_round_frames_note(subscriptions[i]->topic, entry);
		else
			deliver_to(subscriptions[i], entry, &frame);
	}
}

void
rt_fanout_catch_up(RtSubscription **subscriptions, int count)
{
	static RtRingReader behind; /* its buffer is kept */
	const RtRingEntry *entry;
	RtRingRead	result;
	int			moved = 0;

	behind.position = reader.position;
	for (int i = 0; i < count; i++)
	{
		if (!has_moved(subscriptions[i]))
			continue;
		behind.position = Min(behind.position, subscriptions[i]->position);
		subscriptions[moved++] = subscriptions[i];
	}
	while ((result = rt_ring_read(&behind, reader.position, &entry)) == RT_RING_ENTRY)
	{
		if (!entry_is_durable(entry))
		{
			/* an overrun has put the reader behind it, and here nobody waits */
			result = RT_RING_OVERRUN;
			break;
		}
		deliver_late(subscriptions, moved, entry, behind.position);
	}
	for (int i = 0; i < moved && result == RT_RING_OVERRUN; i++)
		rt_subscription_lose(subscriptions[i]);
	rt_round_frames_pause();
}

/*
 * topic_watch.c
 *		Watches topics while an application is developed.
 *
 * A table of its own, by name, remembers what has been seen of a topic also
 * when its last subscriber has left, so that it is warned about once in the
 * life of the gateway, and never for silence once it has been live.  It holds
 * realtime.max_watched_topics: if there are more, those are forgotten that nobody
 * has been subscribed to for the longest time, and if somebody is to all of them,
 * others are not watched.
 *
 * Each gateway sees the events of the topics that it has subscribers for, all
 * of them, however many subscribers there are.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "src/gateway/gateway.h"
#include "src/gateway/topic/topic_watch.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/protocol/topic.h"

typedef struct Watched
{
	RtHashNode	node;			/* by name */
	dlist_node	age_node;
	uint16		name_len;
	bool		live;			/* an event has been seen */
	bool		gives_way;		/* the last one was volatile, or had a key */
	bool		told_rate;
	bool		told_silence;
	uint32		events;			/* since the last sample */
	int64		since_ms;		/* subscribed without a break */
	uint64		sweep;			/* number of the last one that found it so */
	char		name[RT_TOPIC_MAX + 1];
} Watched;

bool		rt_topics_are_watched = false;

static MemoryContext context = NULL;
static RtHashTable table;
static dlist_head by_age;		/* whose last subscriber left first comes first */
static MemoryContext suppress_context = NULL;
static List *suppressed = NIL;	/* templates (char *), in suppress_context */
static uint64 sweep_number = 1;	/* the first one is not next to 0 */
static int64 sampled_ms = 0;	/* when events were last compared */

/* ---- settings ---- */

static void
read_suppressed(void)
{
	MemoryContext old_context;

	if (suppress_context == NULL)
		suppress_context = AllocSetContextCreate(rt_gateway.context,
												 "realtime suppressed topics",
												 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(suppress_context);
	suppressed = NIL;
	old_context = MemoryContextSwitchTo(suppress_context);
	if (!SplitGUCList(pstrdup(realtime_silent_topic_suppress), ',', &suppressed))
		suppressed = NIL;
	MemoryContextSwitchTo(old_context);
}

static void
stop_watching(void)
{
	if (context == NULL)
		return;
	rt_hash_destroy(&table);
	MemoryContextDelete(context);
	context = NULL;
	rt_show(watched_topics, 0);
}

void
rt_topic_watch_configure(void)
{
	rt_topics_are_watched = realtime_mode == RT_MODE_DEVELOPMENT &&
		(realtime_publish_rate_warning > 0 || realtime_silent_topic_warning > 0);
	if (!rt_topics_are_watched)
	{
		stop_watching();
		return;
	}

	read_suppressed();
	if (context != NULL)
		return;
	rt_hash_init(&table);
	dlist_init(&by_age);
	context = AllocSetContextCreate(rt_gateway.context, "realtime watched topics",
									ALLOCSET_DEFAULT_SIZES);
	sampled_ms = rt_gateway.now_ms;
}

static bool
is_suppressed(const Watched *watched)
{
	ListCell   *cell;

	foreach(cell, suppressed)
	{
		const char *tpl = lfirst(cell);

		if (rt_template_match(tpl, strlen(tpl), watched->name, watched->name_len, NULL))
			return true;
	}
	return false;
}

/* ---- the table ---- */

static Watched *
find_watched(const char *name, uint16 len, uint32 hash)
{
	RtHashNode *node = rt_hash_first(&table, hash);

	for (; node != NULL; node = rt_hash_next(node))
	{
		Watched    *watched = rt_hash_container(Watched, node, node);

		if (watched->name_len == len && memcmp(watched->name, name, len) == 0)
			return watched;
	}
	return NULL;
}

static bool
is_subscribed(const Watched *watched)
{
	return watched->sweep + 1 >= sweep_number;
}

static void
forget_first(void)
{
	Watched    *first = dlist_head_element(Watched, age_node, &by_age);

	dlist_delete(&first->age_node);
	rt_hash_remove(&table, &first->node);
	pfree(first);
}

/* Whether there is room for one more, which costs others their place. */
static bool
make_room(void)
{
	uint32		most = (uint32) realtime_max_watched_topics;

	if (table.members < most)
		return true;
	rt_limit_hit(RT_LIMIT_WATCHED_TOPICS);
	while (table.members >= most &&
		   !is_subscribed(dlist_head_element(Watched, age_node, &by_age)))
		forget_first();
	return table.members < most;
}

/* Returns NULL if the topic is not to be watched. */
static Watched *
watch(const RtTopic *topic)
{
	Watched    *watched = find_watched(topic->name, topic->name_len, topic->node.hash);

	if (watched != NULL)
		return watched;
	if (rt_topic_is_system(topic->name, topic->name_len) || !make_room())
		return NULL;

	watched = MemoryContextAllocExtended(context, sizeof(Watched),
										 MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (watched == NULL)
		return NULL;
	watched->name_len = topic->name_len;
	memcpy(watched->name, topic->name, topic->name_len);
	watched->sweep = sweep_number;
	watched->since_ms = rt_gateway.now_ms;
	rt_hash_add(&table, &watched->node, topic->node.hash);
	dlist_push_tail(&by_age, &watched->age_node);
	rt_show(watched_topics, table.members);
	rt_limit_note(RT_LIMIT_WATCHED_TOPICS, table.members);
	return watched;
}

void
rt_topic_watch_event(const RtTopic *topic, const RtRingEntry *entry)
{
	Watched    *watched = watch(topic);

	if (watched == NULL)
		return;
	watched->live = true;
	watched->gives_way = entry->topic_class == RT_TOPIC_VOLATILE ||
		rt_ring_entry_key_len(entry) > 0;
	watched->events++;
}

/* ---- warnings ---- */

static void
warn_of_rate(Watched *watched, int64 elapsed_ms)
{
	double		rate = watched->events * 1000.0 / elapsed_ms;

	if (watched->told_rate || watched->gives_way ||
		rate <= realtime_publish_rate_warning)
		return;
	watched->told_rate = true;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("topic \"%s\" has %.0f events per second", watched->name, rate),
			 errdetail("realtime.publish_rate_warning is %d.",
					   realtime_publish_rate_warning),
			 errhint("Declare the topic with class => 'volatile' if some of them may be lost, or its stream with coalesce_by if only the newest of each key counts; or publish with realtime.throttle(), or publish one event for many changes.")));
}

static void
warn_of_silence(Watched *watched)
{
	int64		silent_ms = rt_gateway.now_ms - watched->since_ms;

	if (watched->live || watched->told_silence ||
		rt_topic_is_reserved(watched->name, strlen(watched->name)) ||
		realtime_silent_topic_warning == 0 ||
		silent_ms < realtime_silent_topic_warning ||
		is_suppressed(watched))
		return;
	watched->told_silence = true;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("nothing has been published on topic \"%s\"", watched->name),
			 errdetail("A client has been subscribed for %.0f s.", silent_ms / 1000.0),
			 errhint("Do publishers commit, in database \"%s\", and to the same topic byte for byte? Is the trigger there and enabled? \"SELECT * FROM realtime.check()\" finds what cannot work. If silence is right, add the topic to realtime.silent_topic_suppress.",
					 realtime_database)));
}

/* ---- looking ---- */

static void
look_at_topic(RtTopic *topic, void *argument)
{
	Watched    *watched = watch(topic);

	if (watched == NULL)
		return;
	if (watched->sweep + 1 != sweep_number)
		watched->since_ms = rt_gateway.now_ms;
	watched->sweep = sweep_number;
	dlist_move_tail(&by_age, &watched->age_node);
	warn_of_silence(watched);
}

static void
compare_rates(int64 elapsed_ms)
{
	for (uint32 i = 0; i < table.count; i++)
	{
		for (RtHashNode *node = table.buckets[i]; node != NULL; node = node->next)
		{
			Watched    *watched = rt_hash_container(Watched, node, node);

			if (realtime_publish_rate_warning > 0)
				warn_of_rate(watched, elapsed_ms);
			watched->events = 0;
		}
	}
}

void
rt_topic_watch_sweep(void)
{
	int64		elapsed_ms = rt_gateway.now_ms - sampled_ms;

	if (!rt_topics_are_watched)
		return;
	sweep_number++;
	rt_topics_visit(look_at_topic, NULL);
	if (elapsed_ms >= realtime_publish_rate_interval)
	{
		compare_rates(elapsed_ms);
		sampled_ms = rt_gateway.now_ms;
	}
}

/*
 * busy_topic.c
 *		The topics with the most events, as gateways have seen them.
 *
 * A few kB that a gateway writes once a second and hardly anybody reads: a
 * spinlock each.
 */
#include "postgres.h"

#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/json.h"

#include "src/guc.h"
#include "src/ipc/busy_topic.h"

typedef struct Told
{
	slock_t		lock;
	int			count;
	RtBusyTopic topics[RT_BUSY_TOPICS];
} Told;

static Told *told = NULL;		/* by gateway */

Size
rt_busy_topics_size(void)
{
	return mul_size(sizeof(Told), realtime_gateways);
}

void
rt_busy_topics_init(void)
{
	bool		found;

	told = ShmemInitStruct("realtime busy topics", rt_busy_topics_size(), &found);
	for (int i = 0; i < realtime_gateways && !found; i++)
	{
		SpinLockInit(&told[i].lock);
		told[i].count = 0;
	}
}

void
rt_busy_topics_tell(int gateway, const RtBusyTopic *topics, int count)
{
	Told	   *own = &told[gateway];

	SpinLockAcquire(&own->lock);
	own->count = count;
	if (count > 0)
		memcpy(own->topics, topics, sizeof(RtBusyTopic) * count);
	SpinLockRelease(&own->lock);
}

static bool
is_same(const RtBusyTopic *a, const RtBusyTopic *b)
{
	return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

static int
place_of(const RtBusyTopic *topics, int count, const RtBusyTopic *topic)
{
	int			place = 0;

	while (place < count && !is_same(&topics[place], topic))
		place++;
	return place;
}

/* Those behind its old place stay; those before it that are less busy move. */
int
rt_busy_topic_insert(RtBusyTopic topics[RT_BUSY_TOPICS], int count,
					 const RtBusyTopic *topic)
{
	int			at = place_of(topics, count, topic);
	bool		is_there = at < count;

	if (is_there && topics[at].rate >= topic->rate)
		return count;
	if (at == RT_BUSY_TOPICS && topics[--at].rate >= topic->rate)
		return count;
	for (; at > 0 && topics[at - 1].rate < topic->rate; at--)
		topics[at] = topics[at - 1];
	topics[at] = *topic;
	return is_there ? count : Min(count + 1, RT_BUSY_TOPICS);
}

static void
copy_told(int gateway, Told *copy)
{
	SpinLockAcquire(&told[gateway].lock);
	*copy = told[gateway];
	SpinLockRelease(&told[gateway].lock);
}

int
rt_busy_topics_read(RtBusyTopic topics[RT_BUSY_TOPICS])
{
	Told		copy;
	int			count = 0;

	for (int i = 0; i < realtime_gateways; i++)
	{
		copy_told(i, &copy);
		for (int j = 0; j < copy.count; j++)
			count = rt_busy_topic_insert(topics, count, &copy.topics[j]);
	}
	return count;
}

void
rt_busy_topics_write(StringInfo out)
{
	RtBusyTopic topics[RT_BUSY_TOPICS];
	int			count = rt_busy_topics_read(topics);

	appendStringInfoChar(out, '[');
	for (int i = 0; i < count; i++)
	{
		appendStringInfoString(out, i == 0 ? "{\"topic\":" : ",{\"topic\":");
		escape_json(out, pnstrdup(topics[i].name, topics[i].len));
		appendStringInfo(out, ",\"rate\":%u}", topics[i].rate);
	}
	appendStringInfoChar(out, ']');
}

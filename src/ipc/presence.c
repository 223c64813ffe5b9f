/*
 * presence.c
 *		Who is present.
 *
 * One lock protects all of it.  Who tells changes appends to the publish ring
 * meanwhile, so what is told is in the order of what has happened, and a
 * snapshot is of one place in the ring.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "src/ipc/presence.h"
#include "src/ipc/presence_table.h"
#include "src/ipc/publish_ring.h"

#define EVICTED_AT_ONCE 64		/* who have nobody, for one who comes */

/* Those that are told at once; protected by the lock. */
static RtPresent changes[RT_PRESENCE_CHANGES_MAX];

static bool
is_present(const RtPresenceMember *member)
{
	return member->connections > 0 || member->in[RT_PRESENCE_LEAVING];
}

static void
note_present(const RtPresenceMember *member, int change)
{
	((RtPresenceTopic *) rt_presence_at(member->topic))->present += change;
	rt_presence_area->counts.present += change;
}

static void
note_change(dsa_pointer pointer)
{
	rt_presence_set_in(pointer, RT_PRESENCE_CHANGED, true);
	rt_presence_topic_set_changed(((RtPresenceMember *) rt_presence_at(pointer))->topic, true);
}

static void
note_who_leaves_first(void)
{
	dsa_pointer first = rt_presence_area->leaving.first;

	pg_atomic_write_u64(&rt_presence_area->leaves_at_ms, DsaPointerIsValid(first) ?
						((RtPresenceMember *) rt_presence_at(first))->leave_at_ms : 0);
}

static void
set_leaving(dsa_pointer pointer, int64 leave_at_ms)
{
	RtPresenceMember *member = rt_presence_at(pointer);

	member->leave_at_ms = leave_at_ms;
	rt_presence_set_in(pointer, RT_PRESENCE_LEAVING, leave_at_ms != 0);
	note_who_leaves_first();
	if (!is_present(member))
		note_change(pointer);
}

/* ---- entering and leaving ---- */

/* Returns false without memory. */
static bool
set_data(dsa_pointer pointer, const char *data, Size len)
{
	RtPresenceMember *member = rt_presence_at(pointer);
	dsa_pointer copy;

	if (data == NULL && DsaPointerIsValid(member->data))
		return true;
	if (data == NULL)
	{
		data = "{}";
		len = 2;
	}
	if (DsaPointerIsValid(member->data) && member->data_len == len &&
		memcmp(rt_presence_at(member->data), data, len) == 0)
		return true;
	copy = rt_presence_copy(data, len);
	if (!DsaPointerIsValid(copy))
		return false;
	if (DsaPointerIsValid(member->data))
		rt_fixed_area_free(&rt_presence_memory, member->data);
	member->data = copy;
	member->data_len = len;
	member->data_is_new = true;
	note_change(pointer);
	return true;
}

static dsa_pointer
find_or_make(const char *name, Size name_len, const char *key, Size key_len)
{
	uint32		hash = rt_topic_hash(name, name_len);
	dsa_pointer topic = rt_presence_topic_find(name, name_len, hash);
	dsa_pointer member;

	if (!DsaPointerIsValid(topic))
		topic = rt_presence_topic_make(name, name_len, hash);
	if (!DsaPointerIsValid(topic))
		return topic;
	member = rt_presence_member_find(topic, key, key_len);
	if (!DsaPointerIsValid(member))
		member = rt_presence_member_make(topic, key, key_len);
	if (!DsaPointerIsValid(member))
		rt_presence_topic_free_if_unused(topic);
	return member;
}

static void
count_connection(dsa_pointer pointer, int gateway)
{
	RtPresenceMember *member = rt_presence_at(pointer);
	bool		was_present = is_present(member);

	member->of_gateway[gateway]++;
	member->connections++;
	set_leaving(pointer, 0);
	if (was_present)
		return;
	member->since = GetCurrentTimestamp();
	note_present(member, 1);
	note_change(pointer);
}

/* One that nobody knows of, and that has nobody. */
static void
drop_if_nobody(dsa_pointer pointer)
{
	RtPresenceMember *member = rt_presence_at(pointer);
	dsa_pointer topic = member->topic;

	if (is_present(member) || member->told)
		return;
	rt_presence_member_free(pointer);
	rt_presence_topic_free_if_unused(topic);
}

static void
uncount_connections(dsa_pointer pointer, int gateway, int count, int64 leave_at_ms)
{
	RtPresenceMember *member = rt_presence_at(pointer);

	member->of_gateway[gateway] -= count;
	member->connections -= count;
	if (member->connections > 0)
		return;
	set_leaving(pointer, leave_at_ms);
	if (!is_present(member))
		note_present(member, -1);
}

void
rt_presence_leave(int gateway, const char *topic, Size topic_len, const char *key,
				  Size key_len, int64 leave_at_ms)
{
	dsa_pointer pointer;

	LWLockAcquire(rt_presence_area->lock, LW_EXCLUSIVE);
	pointer = rt_presence_topic_find(topic, topic_len, rt_topic_hash(topic, topic_len));
	if (DsaPointerIsValid(pointer))
		pointer = rt_presence_member_find(pointer, key, key_len);
	if (DsaPointerIsValid(pointer) && ((RtPresenceMember *) rt_presence_at(pointer))->of_gateway[gateway] > 0)
		uncount_connections(pointer, gateway, 1, leave_at_ms);
	LWLockRelease(rt_presence_area->lock);
}

static void
abandon_topic(RtPresenceTopic *topic, int gateway, int64 leave_at_ms)
{
	dsa_pointer pointer = topic->members[RT_PRESENCE_OF_TOPIC].first;

	while (DsaPointerIsValid(pointer))
	{
		RtPresenceMember *member = rt_presence_at(pointer);
		dsa_pointer next = member->links[RT_PRESENCE_OF_TOPIC].next;

		if (member->of_gateway[gateway] > 0)
			uncount_connections(pointer, gateway, member->of_gateway[gateway], leave_at_ms);
		pointer = next;
	}
}

void
rt_presence_abandon(int gateway, int64 leave_at_ms)
{
	LWLockAcquire(rt_presence_area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < RT_PRESENCE_TOPIC_BUCKETS; i++)
	{
		for (dsa_pointer p = rt_presence_area->topics[i]; DsaPointerIsValid(p); p = ((RtPresenceTopic *) rt_presence_at(p))->next)
			abandon_topic(rt_presence_at(p), gateway, leave_at_ms);
	}
	LWLockRelease(rt_presence_area->lock);
}

/* So those who leave later are behind them, as the list has it. */
void
rt_presence_hasten(int64 leave_at_ms)
{
	dsa_pointer pointer;

	LWLockAcquire(rt_presence_area->lock, LW_EXCLUSIVE);
	pointer = rt_presence_area->leaving.first;
	while (DsaPointerIsValid(pointer))
	{
		RtPresenceMember *member = rt_presence_at(pointer);

		member->leave_at_ms = Min(member->leave_at_ms, leave_at_ms);
		pointer = member->links[RT_PRESENCE_LEAVING].next;
	}
	note_who_leaves_first();
	LWLockRelease(rt_presence_area->lock);
}

/* ---- telling ---- */

bool
rt_presence_has_changed(void)
{
	return pg_atomic_read_u32(&rt_presence_area->changed) != 0;
}

int64
rt_presence_leaves_at_ms(void)
{
	return pg_atomic_read_u64(&rt_presence_area->leaves_at_ms);
}

static RtPresent
describe(RtPresenceMember *member)
{
	return (RtPresent)
	{
		.key = rt_presence_key(member),.key_len = member->key_len,
			.data = rt_presence_at(member->data),.data_len = member->data_len,
			.connections = member->connections,.since = member->since,
			.leaves = !is_present(member)
	};
}

/* What others know and what is so are the same from now on; who has left goes. */
static void
settle(dsa_pointer pointer)
{
	RtPresenceMember *member = rt_presence_at(pointer);

	rt_presence_set_in(pointer, RT_PRESENCE_CHANGED, false);
	if (is_present(member) != member->told)
		(*(member->told ? &rt_presence_area->counts.leaves : &rt_presence_area->counts.joins))++;
	member->told = is_present(member);
	member->data_is_new = false;
	if (!member->told)
		rt_presence_member_free(pointer);
}

static bool
is_news(const RtPresenceMember *member)
{
	return is_present(member) ? !member->told || member->data_is_new : member->told;
}

/* Who leaves is still described by memory that goes when all is told. */
static void
tell_some(RtPresenceTopic *topic, RtPresenceTell tell)
{
	dsa_pointer first = topic->members[RT_PRESENCE_CHANGED].first;
	dsa_pointer pointer = first;
	int			count = 0;
	int			seen = 0;

	for (; DsaPointerIsValid(pointer) && count < RT_PRESENCE_CHANGES_MAX; seen++)
	{
		RtPresenceMember *member = rt_presence_at(pointer);

		if (is_news(member))
			changes[count++] = describe(member);
		pointer = member->links[RT_PRESENCE_CHANGED].next;
	}
	if (count > 0)
		tell(topic->name, topic->len, changes, count);
	while (seen-- > 0)
		settle(topic->members[RT_PRESENCE_CHANGED].first);
}

/* The topic may be gone afterwards. */
static void
tell_topic(dsa_pointer pointer, RtPresenceTell tell)
{
	RtPresenceTopic *topic = rt_presence_at(pointer);

	while (DsaPointerIsValid(topic->members[RT_PRESENCE_CHANGED].first))
		tell_some(topic, tell);
	rt_presence_topic_set_changed(pointer, false);
	rt_presence_topic_free_if_unused(pointer);
}

static void
tell_topics(RtPresenceTell tell)
{
	while (DsaPointerIsValid(rt_presence_area->changed_topics.first))
		tell_topic(rt_presence_area->changed_topics.first, tell);
}

/* One that has no connection, whatever its time. */
static void
leave_now(dsa_pointer pointer)
{
	note_present(rt_presence_at(pointer), -1);
	set_leaving(pointer, 0);
}

static void
expire(int64 now_ms)
{
	while (DsaPointerIsValid(rt_presence_area->leaving.first) &&
		   ((RtPresenceMember *) rt_presence_at(rt_presence_area->leaving.first))->leave_at_ms <= now_ms)
		leave_now(rt_presence_area->leaving.first);
}

void
rt_presence_tell_changes(int64 now_ms, RtPresenceTell tell)
{
	LWLockAcquire(rt_presence_area->lock, LW_EXCLUSIVE);
	expire(now_ms);
	tell_topics(tell);
	LWLockRelease(rt_presence_area->lock);
}

/* ---- entering, if there is room ---- */

static bool
try_enter(int gateway, const char *topic, Size topic_len, const char *key, Size key_len,
	  const char *data, Size data_len, bool more)
{
	dsa_pointer member = find_or_make(topic, topic_len, key, key_len);

	if (!DsaPointerIsValid(member))
		return false;
	if (!set_data(member, data, data_len) ||
		(more && ((RtPresenceMember *) rt_presence_at(member))->of_gateway[gateway] == PG_UINT16_MAX))
	{
		drop_if_nobody(member);
		return false;
	}
	if (more)
		count_connection(member, gateway);
	else
		drop_if_nobody(member);
	return true;
}

/*
 * Who has gone and may come back leaves first, the one who has been gone longest
 * before others.  What it took is free when all have been told.
 */
static bool
make_room(RtPresenceTell tell)
{
	int			evicted = 0;

	for (; evicted < EVICTED_AT_ONCE && DsaPointerIsValid(rt_presence_area->leaving.first); evicted++)
		leave_now(rt_presence_area->leaving.first);
	rt_presence_area->counts.evicted += evicted;
	if (!DsaPointerIsValid(rt_presence_area->changed_topics.first))
		return false;
	tell_topics(tell);
	return true;
}

bool
rt_presence_enter(int gateway, const char *topic, Size topic_len, const char *key,
				  Size key_len, const char *data, Size data_len, bool more,
				  RtPresenceTell tell)
{
	bool		entered;

	LWLockAcquire(rt_presence_area->lock, LW_EXCLUSIVE);
	do
		entered = try_enter(gateway, topic, topic_len, key, key_len, data, data_len, more);
	while (!entered && make_room(tell));
	if (!entered)
		rt_presence_area->counts.refused++;
	LWLockRelease(rt_presence_area->lock);
	return entered;
}

/* ---- reading ---- */

static void
visit_topic(RtPresenceTopic *topic, RtPresenceVisit visit, void *arg)
{
	dsa_pointer pointer = topic->members[RT_PRESENCE_OF_TOPIC].first;

	while (DsaPointerIsValid(pointer))
	{
		RtPresenceMember *member = rt_presence_at(pointer);
		RtPresent	present = describe(member);

		if (!present.leaves)
			visit(&present, arg);
		pointer = member->links[RT_PRESENCE_OF_TOPIC].next;
	}
}

uint64
rt_presence_snapshot(const char *topic, Size topic_len, RtPresenceTell tell,
					 RtPresenceVisit visit, void *arg)
{
	uint32		hash = rt_topic_hash(topic, topic_len);
	dsa_pointer pointer;
	uint64		position;

	LWLockAcquire(rt_presence_area->lock, LW_EXCLUSIVE);
	pointer = rt_presence_topic_find(topic, topic_len, hash);
	if (DsaPointerIsValid(pointer))
		tell_topic(pointer, tell);
	pointer = rt_presence_topic_find(topic, topic_len, hash);
	if (DsaPointerIsValid(pointer))
		visit_topic(rt_presence_at(pointer), visit, arg);
	position = rt_ring_position();
	LWLockRelease(rt_presence_area->lock);
	return position;
}

void
rt_presence_read(const char *topic, Size topic_len, RtPresenceVisit visit, void *arg)
{
	dsa_pointer pointer;

	LWLockAcquire(rt_presence_area->lock, LW_SHARED);
	pointer = rt_presence_topic_find(topic, topic_len, rt_topic_hash(topic, topic_len));
	if (DsaPointerIsValid(pointer))
		visit_topic(rt_presence_at(pointer), visit, arg);
	LWLockRelease(rt_presence_area->lock);
}

void
rt_presence_topics(RtPresenceVisit visit, void *arg)
{
	LWLockAcquire(rt_presence_area->lock, LW_SHARED);
	for (int i = 0; i < RT_PRESENCE_TOPIC_BUCKETS; i++)
	{
		for (dsa_pointer p = rt_presence_area->topics[i]; DsaPointerIsValid(p); p = ((RtPresenceTopic *) rt_presence_at(p))->next)
		{
			RtPresenceTopic *topic = rt_presence_at(p);
			RtPresent	present = {.key = topic->name,.key_len = topic->len,
			.connections = topic->present};

			visit(&present, arg);
		}
	}
	LWLockRelease(rt_presence_area->lock);
}

void
rt_presence_count(RtPresenceCounts *counts)
{
	LWLockAcquire(rt_presence_area->lock, LW_SHARED);
	*counts = rt_presence_area->counts;
	LWLockRelease(rt_presence_area->lock);
}

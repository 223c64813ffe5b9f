/*
 * presence.c
 *		Who is present.
 *
 * Topics and members lie in memory of their own and are found by fixed tables
 * of chains.  A topic is there as long as it has members, a member as long as it
 * is present or others have not been told that it has left.
 *
 * One lock protects all of it.  Who tells changes appends to the publish ring
 * meanwhile, so what is told is in the order of what has happened, and a
 * snapshot is of one place in the ring.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/dsa.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/guc.h"
#include "src/ipc/dsa_chain.h"
#include "src/ipc/presence.h"
#include "src/ipc/publish_ring.h"

#define TOPIC_BUCKETS 4096		/* powers of two */
#define MEMBER_BUCKETS 65536

/* The lists that a member can be in; its topic is in the last one alone. */
typedef enum Membership
{
	OF_TOPIC,					/* all of them */
	CHANGED,					/* those that may differ from what was told */
	LEAVING,					/* of all topics, in the order of their time */
	LISTS
} Membership;

typedef struct Topic
{
	dsa_pointer next;			/* in its chain */
	RtChainLink		changed_link;	/* among those with changes */
	bool		is_changed;
	uint32		hash;
	uint32		present;		/* members that are */
	RtChain		members[CHANGED + 1];
	uint16		len;
	char		name[FLEXIBLE_ARRAY_MEMBER];
} Topic;

typedef struct Member
{
	dsa_pointer next;			/* in its chain */
	RtChainLink links[LISTS];
	bool		in[LISTS];
	uint32		hash;
	dsa_pointer topic;
	dsa_pointer data;
	uint32		data_len;
	bool		told;			/* others know of it */
	bool		data_is_new;	/* which they do not know */
	int64		leave_at_ms;	/* it has no connection: LEAVING */
	TimestampTz since;
	uint32		connections;	/* of all gateways */
	uint16		key_len;
	uint16		of_gateway[FLEXIBLE_ARRAY_MEMBER];
	/* the key is behind them */
} Member;

typedef struct Area
{
	LWLock	   *lock;
	pg_atomic_uint32 changed;	/* topics with changes */
	pg_atomic_uint64 leaves_at_ms;	/* of the first in LEAVING; 0 = none */
	RtChain		changed_topics;
	RtChain		leaving;
	dsa_pointer topics[TOPIC_BUCKETS];
	dsa_pointer members[MEMBER_BUCKETS];
} Area;

static Area *area = NULL;
static void *place = NULL;
static dsa_area *memory = NULL; /* this process's attachment */

/* Those that are told at once; protected by the lock. */
static RtPresent changes[RT_PRESENCE_CHANGES_MAX];

static Size
memory_size(void)
{
	return MAXALIGN((Size) realtime_presence_memory * 1024);
}

Size
rt_presence_size(void)
{
	return add_size(MAXALIGN(sizeof(Area)), memory_size());
}

void
rt_presence_init(void)
{
	bool		found;
	dsa_area   *made;

	area = ShmemInitStruct("realtime presence", rt_presence_size(), &found);
	place = (char *) area + MAXALIGN(sizeof(Area));
	if (found)
		return;
	memset(area, 0, sizeof(Area));
	area->lock = &GetNamedLWLockTranche("RealtimePresence")->lock;
	pg_atomic_init_u32(&area->changed, 0);
	pg_atomic_init_u64(&area->leaves_at_ms, 0);
	made = dsa_create_in_place(place, memory_size(),
							   GetNamedLWLockTranche("RealtimePresenceMemory")->lock.tranche,
							   NULL);
	dsa_pin(made);
	dsa_set_size_limit(made, memory_size());
	dsa_detach(made);
}

void
rt_presence_attach(void)
{
	MemoryContext old;

	if (memory != NULL)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	memory = dsa_attach_in_place(place, NULL);
	dsa_pin_mapping(memory);
	MemoryContextSwitchTo(old);
	on_shmem_exit(dsa_on_shmem_exit_release_in_place, PointerGetDatum(place));
}

/* ---- memory ---- */

static void *
at(dsa_pointer pointer)
{
	return dsa_get_address(memory, pointer);
}

static dsa_pointer
allocate(Size size)
{
	return dsa_allocate_extended(memory, size, DSA_ALLOC_NO_OOM);
}

static dsa_pointer
allocate_copy(const char *bytes, Size len)
{
	dsa_pointer copy = allocate(Max(len, 1));

	if (DsaPointerIsValid(copy))
		memcpy(at(copy), bytes, len);
	return copy;
}

static char *
key_of(Member *member)
{
	return (char *) &member->of_gateway[realtime_gateways];
}

/* ---- lists ---- */

static RtChainLink *
member_link(dsa_pointer pointer, int which)
{
	return &((Member *) at(pointer))->links[which];
}

static RtChainLink *
topic_link(dsa_pointer pointer, int which)
{
	return &((Topic *) at(pointer))->changed_link;
}

static RtChain *
list_of(Member *member, Membership which)
{
	return which == LEAVING ? &area->leaving : &((Topic *) at(member->topic))->members[which];
}

static void
set_in(dsa_pointer pointer, Membership which, bool in)
{
	Member	   *member = at(pointer);

	if (member->in[which] == in)
		return;
	member->in[which] = in;
	if (in)
		rt_chain_push(list_of(member, which), pointer, which, member_link);
	else
		rt_chain_remove(list_of(member, which), pointer, which, member_link);
}

/* ---- topics ---- */

static dsa_pointer
find_topic(const char *name, Size len, uint32 hash)
{
	dsa_pointer pointer = area->topics[hash % TOPIC_BUCKETS];

	while (DsaPointerIsValid(pointer))
	{
		Topic	   *topic = at(pointer);

		if (topic->hash == hash && topic->len == len && memcmp(topic->name, name, len) == 0)
			break;
		pointer = topic->next;
	}
	return pointer;
}

static dsa_pointer
make_topic(const char *name, Size len, uint32 hash)
{
	dsa_pointer pointer = allocate(offsetof(Topic, name) + len);
	Topic	   *topic;

	if (!DsaPointerIsValid(pointer))
		return pointer;
	topic = at(pointer);
	memset(topic, 0, offsetof(Topic, name));
	topic->hash = hash;
	topic->len = len;
	memcpy(topic->name, name, len);
	topic->next = area->topics[hash % TOPIC_BUCKETS];
	area->topics[hash % TOPIC_BUCKETS] = pointer;
	return pointer;
}

static void
set_topic_changed(dsa_pointer pointer, bool is_changed)
{
	Topic	   *topic = at(pointer);

	if (topic->is_changed == is_changed)
		return;
	topic->is_changed = is_changed;
	if (is_changed)
		rt_chain_push(&area->changed_topics, pointer, 0, topic_link);
	else
		rt_chain_remove(&area->changed_topics, pointer, 0, topic_link);
	pg_atomic_fetch_add_u32(&area->changed, is_changed ? 1 : -1);
}

static void
free_topic_if_unused(dsa_pointer pointer)
{
	Topic	   *topic = at(pointer);
	dsa_pointer *link = &area->topics[topic->hash % TOPIC_BUCKETS];

	if (DsaPointerIsValid(topic->members[OF_TOPIC].first))
		return;
	set_topic_changed(pointer, false);
	while (*link != pointer)
		link = &((Topic *) at(*link))->next;
	*link = topic->next;
	dsa_free(memory, pointer);
}

/* ---- members ---- */

static uint32
hash_member(dsa_pointer topic, const char *key, Size len)
{
	return hash_combine(hash_bytes((const unsigned char *) key, len), (uint32) (topic >> 3));
}

static dsa_pointer
find_member(dsa_pointer topic, const char *key, Size len)
{
	uint32		hash = hash_member(topic, key, len);
	dsa_pointer pointer = area->members[hash % MEMBER_BUCKETS];

	while (DsaPointerIsValid(pointer))
	{
		Member	   *member = at(pointer);

		if (member->hash == hash && member->topic == topic && member->key_len == len &&
			memcmp(key_of(member), key, len) == 0)
			break;
		pointer = member->next;
	}
	return pointer;
}

static dsa_pointer
make_member(dsa_pointer topic, const char *key, Size len)
{
	Size		head = offsetof(Member, of_gateway) + sizeof(uint16) * realtime_gateways;
	dsa_pointer pointer = allocate(head + len);
	Member	   *member;

	if (!DsaPointerIsValid(pointer))
		return pointer;
	member = at(pointer);
	memset(member, 0, head);
	member->topic = topic;
	member->hash = hash_member(topic, key, len);
	member->since = GetCurrentTimestamp();
	member->key_len = len;
	memcpy(key_of(member), key, len);
	member->next = area->members[member->hash % MEMBER_BUCKETS];
	area->members[member->hash % MEMBER_BUCKETS] = pointer;
	set_in(pointer, OF_TOPIC, true);
	return pointer;
}

static void
free_member(dsa_pointer pointer)
{
	Member	   *member = at(pointer);
	dsa_pointer *link = &area->members[member->hash % MEMBER_BUCKETS];

	for (int which = 0; which < LISTS; which++)
		set_in(pointer, which, false);
	while (*link != pointer)
		link = &((Member *) at(*link))->next;
	*link = member->next;
	if (DsaPointerIsValid(member->data))
		dsa_free(memory, member->data);
	dsa_free(memory, pointer);
}

static bool
is_present(const Member *member)
{
	return member->connections > 0 || member->in[LEAVING];
}

static void
note_change(dsa_pointer pointer)
{
	set_in(pointer, CHANGED, true);
	set_topic_changed(((Member *) at(pointer))->topic, true);
}

static void
set_leaving(dsa_pointer pointer, int64 leave_at_ms)
{
	Member	   *member = at(pointer);
	dsa_pointer first;

	member->leave_at_ms = leave_at_ms;
	set_in(pointer, LEAVING, leave_at_ms != 0);
	first = area->leaving.first;
	pg_atomic_write_u64(&area->leaves_at_ms, DsaPointerIsValid(first) ?
						((Member *) at(first))->leave_at_ms : 0);
	if (!is_present(member))
		note_change(pointer);
}

/* ---- entering and leaving ---- */

/* Returns false without memory. */
static bool
set_data(dsa_pointer pointer, const char *data, Size len)
{
	Member	   *member = at(pointer);
	dsa_pointer copy;

	if (data == NULL && DsaPointerIsValid(member->data))
		return true;
	if (data == NULL)
	{
		data = "{}";
		len = 2;
	}
	if (DsaPointerIsValid(member->data) && member->data_len == len &&
		memcmp(at(member->data), data, len) == 0)
		return true;
	copy = allocate_copy(data, len);
	if (!DsaPointerIsValid(copy))
		return false;
	if (DsaPointerIsValid(member->data))
		dsa_free(memory, member->data);
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
	dsa_pointer topic = find_topic(name, name_len, hash);
	dsa_pointer member;

	if (!DsaPointerIsValid(topic))
		topic = make_topic(name, name_len, hash);
	if (!DsaPointerIsValid(topic))
		return topic;
	member = find_member(topic, key, key_len);
	if (!DsaPointerIsValid(member))
		member = make_member(topic, key, key_len);
	if (!DsaPointerIsValid(member))
		free_topic_if_unused(topic);
	return member;
}

static void
count_connection(dsa_pointer pointer, int gateway)
{
	Member	   *member = at(pointer);
	bool		was_present = is_present(member);

	member->of_gateway[gateway]++;
	member->connections++;
	set_leaving(pointer, 0);
	if (was_present)
		return;
	member->since = GetCurrentTimestamp();
	((Topic *) at(member->topic))->present++;
	note_change(pointer);
}

/* One that nobody knows of, and that has nobody. */
static void
drop_if_nobody(dsa_pointer pointer)
{
	Member	   *member = at(pointer);
	dsa_pointer topic = member->topic;

	if (is_present(member) || member->told)
		return;
	free_member(pointer);
	free_topic_if_unused(topic);
}

static bool
enter(int gateway, const char *topic, Size topic_len, const char *key, Size key_len,
	  const char *data, Size data_len, bool more)
{
	dsa_pointer member = find_or_make(topic, topic_len, key, key_len);

	if (!DsaPointerIsValid(member))
		return false;
	if (!set_data(member, data, data_len) ||
		(more && ((Member *) at(member))->of_gateway[gateway] == PG_UINT16_MAX))
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

bool
rt_presence_enter(int gateway, const char *topic, Size topic_len, const char *key,
				  Size key_len, const char *data, Size data_len, bool more)
{
	bool		entered;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	entered = enter(gateway, topic, topic_len, key, key_len, data, data_len, more);
	LWLockRelease(area->lock);
	return entered;
}

static void
uncount_connections(dsa_pointer pointer, int gateway, int count, int64 leave_at_ms)
{
	Member	   *member = at(pointer);

	member->of_gateway[gateway] -= count;
	member->connections -= count;
	if (member->connections > 0)
		return;
	set_leaving(pointer, leave_at_ms);
	if (!is_present(member))
		((Topic *) at(member->topic))->present--;
}

void
rt_presence_leave(int gateway, const char *topic, Size topic_len, const char *key,
				  Size key_len, int64 leave_at_ms)
{
	dsa_pointer pointer;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	pointer = find_topic(topic, topic_len, rt_topic_hash(topic, topic_len));
	if (DsaPointerIsValid(pointer))
		pointer = find_member(pointer, key, key_len);
	if (DsaPointerIsValid(pointer) && ((Member *) at(pointer))->of_gateway[gateway] > 0)
		uncount_connections(pointer, gateway, 1, leave_at_ms);
	LWLockRelease(area->lock);
}

static void
abandon_topic(Topic *topic, int gateway, int64 leave_at_ms)
{
	dsa_pointer pointer = topic->members[OF_TOPIC].first;

	while (DsaPointerIsValid(pointer))
	{
		Member	   *member = at(pointer);
		dsa_pointer next = member->links[OF_TOPIC].next;

		if (member->of_gateway[gateway] > 0)
			uncount_connections(pointer, gateway, member->of_gateway[gateway], leave_at_ms);
		pointer = next;
	}
}

void
rt_presence_abandon(int gateway, int64 leave_at_ms)
{
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < TOPIC_BUCKETS; i++)
	{
		for (dsa_pointer p = area->topics[i]; DsaPointerIsValid(p); p = ((Topic *) at(p))->next)
			abandon_topic(at(p), gateway, leave_at_ms);
	}
	LWLockRelease(area->lock);
}

/* ---- telling ---- */

bool
rt_presence_has_changed(void)
{
	return pg_atomic_read_u32(&area->changed) != 0;
}

int64
rt_presence_leaves_at_ms(void)
{
	return pg_atomic_read_u64(&area->leaves_at_ms);
}

static RtPresent
describe(Member *member)
{
	return (RtPresent)
	{
		.key = key_of(member),.key_len = member->key_len,
			.data = at(member->data),.data_len = member->data_len,
			.connections = member->connections,.since = member->since,
			.leaves = !is_present(member)
	};
}

/* What others know and what is so are the same from now on; who has left goes. */
static void
settle(dsa_pointer pointer)
{
	Member	   *member = at(pointer);

	set_in(pointer, CHANGED, false);
	member->told = is_present(member);
	member->data_is_new = false;
	if (!member->told)
		free_member(pointer);
}

static bool
is_news(const Member *member)
{
	return is_present(member) ? !member->told || member->data_is_new : member->told;
}

/* Who leaves is still described by memory that goes when all is told. */
static void
tell_some(Topic *topic, RtPresenceTell tell)
{
	dsa_pointer first = topic->members[CHANGED].first;
	dsa_pointer pointer = first;
	int			count = 0;
	int			seen = 0;

	for (; DsaPointerIsValid(pointer) && count < RT_PRESENCE_CHANGES_MAX; seen++)
	{
		Member	   *member = at(pointer);

		if (is_news(member))
			changes[count++] = describe(member);
		pointer = member->links[CHANGED].next;
	}
	if (count > 0)
		tell(topic->name, topic->len, changes, count);
	while (seen-- > 0)
		settle(topic->members[CHANGED].first);
}

/* The topic may be gone afterwards. */
static void
tell_topic(dsa_pointer pointer, RtPresenceTell tell)
{
	Topic	   *topic = at(pointer);

	while (DsaPointerIsValid(topic->members[CHANGED].first))
		tell_some(topic, tell);
	set_topic_changed(pointer, false);
	free_topic_if_unused(pointer);
}

static void
expire(int64 now_ms)
{
	while (DsaPointerIsValid(area->leaving.first))
	{
		dsa_pointer pointer = area->leaving.first;
		Member	   *member = at(pointer);

		if (member->leave_at_ms > now_ms)
			break;
		((Topic *) at(member->topic))->present--;
		set_leaving(pointer, 0);
	}
}

void
rt_presence_tell_changes(int64 now_ms, RtPresenceTell tell)
{
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	expire(now_ms);
	while (DsaPointerIsValid(area->changed_topics.first))
		tell_topic(area->changed_topics.first, tell);
	LWLockRelease(area->lock);
}

/* ---- reading ---- */

static void
visit_topic(Topic *topic, RtPresenceVisit visit, void *arg)
{
	dsa_pointer pointer = topic->members[OF_TOPIC].first;

	while (DsaPointerIsValid(pointer))
	{
		Member	   *member = at(pointer);
		RtPresent	present = describe(member);

		if (!present.leaves)
			visit(&present, arg);
		pointer = member->links[OF_TOPIC].next;
	}
}

uint64
rt_presence_snapshot(const char *topic, Size topic_len, RtPresenceTell tell,
					 RtPresenceVisit visit, void *arg)
{
	uint32		hash = rt_topic_hash(topic, topic_len);
	dsa_pointer pointer;
	uint64		position;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	pointer = find_topic(topic, topic_len, hash);
	if (DsaPointerIsValid(pointer))
		tell_topic(pointer, tell);
	pointer = find_topic(topic, topic_len, hash);
	if (DsaPointerIsValid(pointer))
		visit_topic(at(pointer), visit, arg);
	position = rt_ring_position();
	LWLockRelease(area->lock);
	return position;
}

void
rt_presence_read(const char *topic, Size topic_len, RtPresenceVisit visit, void *arg)
{
	dsa_pointer pointer;

	LWLockAcquire(area->lock, LW_SHARED);
	pointer = find_topic(topic, topic_len, rt_topic_hash(topic, topic_len));
	if (DsaPointerIsValid(pointer))
		visit_topic(at(pointer), visit, arg);
	LWLockRelease(area->lock);
}

void
rt_presence_topics(RtPresenceVisit visit, void *arg)
{
	LWLockAcquire(area->lock, LW_SHARED);
	for (int i = 0; i < TOPIC_BUCKETS; i++)
	{
		for (dsa_pointer p = area->topics[i]; DsaPointerIsValid(p); p = ((Topic *) at(p))->next)
		{
			Topic	   *topic = at(p);
			RtPresent	present = {.key = topic->name,.key_len = topic->len,
			.connections = topic->present};

			visit(&present, arg);
		}
	}
	LWLockRelease(area->lock);
}

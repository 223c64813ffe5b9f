/*
 * presence_table.c
 *		The topics that somebody is present on, and who is.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "src/guc.h"
#include "src/ipc/fixed_area.h"
#include "src/ipc/presence_table.h"
#include "src/ipc/publish_ring.h"

RtPresenceArea *rt_presence_area = NULL;
RtFixedArea rt_presence_memory = {0};	/* this process's attachment */
static void *place = NULL;

static Size
memory_size(void)
{
	return MAXALIGN((Size) realtime_presence_memory * 1024);
}

Size
rt_presence_size(void)
{
	return add_size(MAXALIGN(sizeof(RtPresenceArea)), rt_fixed_area_size(memory_size()));
}

void
rt_presence_init(void)
{
	bool		found;

	rt_presence_area = ShmemInitStruct("realtime presence", rt_presence_size(), &found);
	place = (char *) rt_presence_area + MAXALIGN(sizeof(RtPresenceArea));
	if (found)
		return;
	memset(rt_presence_area, 0, sizeof(RtPresenceArea));
	rt_presence_area->lock = &GetNamedLWLockTranche("RealtimePresence")->lock;
	if (!pg_strong_random(&rt_presence_area->seed, sizeof(rt_presence_area->seed)))
		elog(ERROR, "could not generate a random number");
	pg_atomic_init_u32(&rt_presence_area->changed, 0);
	pg_atomic_init_u64(&rt_presence_area->leaves_at_ms, 0);
	rt_fixed_area_create(place, memory_size(), "RealtimePresenceMemory");
}

void
rt_presence_attach(void)
{
	rt_fixed_area_attach(&rt_presence_memory, place, RT_LIMIT_PRESENCE_MEMORY);
}

/* ---- memory ---- */

static dsa_pointer
allocate(Size size)
{
	return rt_fixed_area_allocate(&rt_presence_memory, size);
}

int64
rt_presence_memory_used(void)
{
	return (int64) rt_fixed_area_used(place);
}

dsa_pointer
rt_presence_copy(const char *bytes, Size len)
{
	dsa_pointer copy = allocate(Max(len, 1));

	if (DsaPointerIsValid(copy))
		memcpy(rt_presence_at(copy), bytes, len);
	return copy;
}

/* ---- lists ---- */

static RtChainLink *
member_link(dsa_pointer pointer, int which)
{
	return &((RtPresenceMember *) rt_presence_at(pointer))->links[which];
}

static RtChainLink *
topic_link(dsa_pointer pointer, int which)
{
	return &((RtPresenceTopic *) rt_presence_at(pointer))->changed_link;
}

static RtChain *
list_of(RtPresenceMember *member, RtPresenceList which)
{
	return which == RT_PRESENCE_LEAVING ? &rt_presence_area->leaving : &((RtPresenceTopic *) rt_presence_at(member->topic))->members[which];
}

void
rt_presence_set_in(dsa_pointer pointer, RtPresenceList which, bool in)
{
	RtPresenceMember *member = rt_presence_at(pointer);

	if (member->in[which] == in)
		return;
	member->in[which] = in;
	if (in)
		rt_chain_push(list_of(member, which), pointer, which, member_link);
	else
		rt_chain_remove(list_of(member, which), pointer, which, member_link);
}

/* ---- chains ---- */

static dsa_pointer *
topic_chain(uint32 hash)
{
	return &rt_presence_area->topics[murmurhash32(hash ^ rt_presence_area->seed) %
									 RT_PRESENCE_TOPIC_BUCKETS];
}

static dsa_pointer *
member_chain(uint32 hash)
{
	return &rt_presence_area->members[murmurhash32(hash ^ rt_presence_area->seed) %
									  RT_PRESENCE_MEMBER_BUCKETS];
}

/* ---- topics ---- */

dsa_pointer
rt_presence_topic_find(const char *name, Size len, uint32 hash)
{
	dsa_pointer pointer = *topic_chain(hash);

	while (DsaPointerIsValid(pointer))
	{
		RtPresenceTopic *topic = rt_presence_at(pointer);

		if (topic->hash == hash && topic->len == len && memcmp(topic->name, name, len) == 0)
			break;
		pointer = topic->next;
	}
	return pointer;
}

dsa_pointer
rt_presence_topic_make(const char *name, Size len, uint32 hash)
{
	dsa_pointer pointer = allocate(offsetof(RtPresenceTopic, name) + len);
	RtPresenceTopic *topic;

	if (!DsaPointerIsValid(pointer))
		return pointer;
	topic = rt_presence_at(pointer);
	memset(topic, 0, offsetof(RtPresenceTopic, name));
	topic->hash = hash;
	topic->len = len;
	memcpy(topic->name, name, len);
	topic->next = *topic_chain(hash);
	*topic_chain(hash) = pointer;
	return pointer;
}

void
rt_presence_topic_set_changed(dsa_pointer pointer, bool is_changed)
{
	RtPresenceTopic *topic = rt_presence_at(pointer);

	if (topic->is_changed == is_changed)
		return;
	topic->is_changed = is_changed;
	if (is_changed)
		rt_chain_push(&rt_presence_area->changed_topics, pointer, 0, topic_link);
	else
		rt_chain_remove(&rt_presence_area->changed_topics, pointer, 0, topic_link);
	pg_atomic_fetch_add_u32(&rt_presence_area->changed, is_changed ? 1 : -1);
}

void
rt_presence_topic_free_if_unused(dsa_pointer pointer)
{
	RtPresenceTopic *topic = rt_presence_at(pointer);
	dsa_pointer *link = topic_chain(topic->hash);

	if (DsaPointerIsValid(topic->members[RT_PRESENCE_OF_TOPIC].first))
		return;
	rt_presence_topic_set_changed(pointer, false);
	while (*link != pointer)
		link = &((RtPresenceTopic *) rt_presence_at(*link))->next;
	*link = topic->next;
	rt_fixed_area_free(&rt_presence_memory, pointer);
}

/* ---- members ---- */

static uint32
hash_member(dsa_pointer topic, const char *key, Size len)
{
	return hash_combine(hash_bytes((const unsigned char *) key, len), (uint32) (topic >> 3));
}

dsa_pointer
rt_presence_member_find(dsa_pointer topic, const char *key, Size len)
{
	uint32		hash = hash_member(topic, key, len);
	dsa_pointer pointer = *member_chain(hash);

	while (DsaPointerIsValid(pointer))
	{
		RtPresenceMember *member = rt_presence_at(pointer);

		if (member->hash == hash && member->topic == topic && member->key_len == len &&
			memcmp(rt_presence_key(member), key, len) == 0)
			break;
		pointer = member->next;
	}
	return pointer;
}

dsa_pointer
rt_presence_member_make(dsa_pointer topic, const char *key, Size len)
{
	Size		head = offsetof(RtPresenceMember, of_gateway) + sizeof(uint16) * realtime_gateways;
	dsa_pointer pointer = allocate(head + len);
	RtPresenceMember *member;

	if (!DsaPointerIsValid(pointer))
		return pointer;
	member = rt_presence_at(pointer);
	memset(member, 0, head);
	member->topic = topic;
	member->hash = hash_member(topic, key, len);
	member->since = GetCurrentTimestamp();
	member->key_len = len;
	memcpy(rt_presence_key(member), key, len);
	member->next = *member_chain(member->hash);
	*member_chain(member->hash) = pointer;
	rt_presence_set_in(pointer, RT_PRESENCE_OF_TOPIC, true);
	return pointer;
}

void
rt_presence_member_free(dsa_pointer pointer)
{
	RtPresenceMember *member = rt_presence_at(pointer);
	dsa_pointer *link = member_chain(member->hash);

	for (int which = 0; which < RT_PRESENCE_LISTS; which++)
		rt_presence_set_in(pointer, which, false);
	while (*link != pointer)
		link = &((RtPresenceMember *) rt_presence_at(*link))->next;
	*link = member->next;
	if (DsaPointerIsValid(member->data))
		rt_fixed_area_free(&rt_presence_memory, member->data);
	rt_fixed_area_free(&rt_presence_memory, pointer);
}

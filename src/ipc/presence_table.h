/*
 * presence_table.h
 *		The topics that somebody is present on, and who is, in memory of their own.
 *		For src/ipc/presence.c only.
 *
 * They are found by fixed tables of chains.  A topic is there as long as it has
 * members, a member as long as it is present or others have not been told that it
 * has left.  The lock of the area protects all of it.
 */
#ifndef RT_IPC_PRESENCE_TABLE_H
#define RT_IPC_PRESENCE_TABLE_H

#include "src/compat.h"

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/lwlock.h"

#include "src/guc.h"
#include "src/ipc/dsa_chain.h"
#include "src/ipc/fixed_area.h"
#include "src/ipc/presence.h"

#define RT_PRESENCE_TOPIC_BUCKETS 4096	/* powers of two */
#define RT_PRESENCE_MEMBER_BUCKETS 65536

/* The lists that a member can be in; its topic is in the last one alone. */
typedef enum RtPresenceList
{
	RT_PRESENCE_OF_TOPIC,		/* all of them */
	RT_PRESENCE_CHANGED,		/* those that may differ from what was told */
	RT_PRESENCE_LEAVING,		/* of all topics, in the order of their time */
	RT_PRESENCE_LISTS
} RtPresenceList;

typedef struct RtPresenceTopic
{
	dsa_pointer next;			/* in its chain */
	RtChainLink changed_link;	/* among those with changes */
	bool		is_changed;
	uint32		hash;
	uint32		present;		/* members that are */
	RtChain		members[RT_PRESENCE_CHANGED + 1];
	uint16		len;
	char		name[FLEXIBLE_ARRAY_MEMBER];
} RtPresenceTopic;

typedef struct RtPresenceMember
{
	dsa_pointer next;			/* in its chain */
	RtChainLink links[RT_PRESENCE_LISTS];
	bool		in[RT_PRESENCE_LISTS];
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
} RtPresenceMember;

typedef struct RtPresenceArea
{
	LWLock	   *lock;
	pg_atomic_uint32 changed;	/* topics with changes */
	pg_atomic_uint64 leaves_at_ms;	/* of the first in LEAVING; 0 = none */
	uint32		seed;			/* nobody can make names that share a chain */
	RtChain		changed_topics;
	RtChain		leaving;
	RtPresenceCounts counts;
	dsa_pointer topics[RT_PRESENCE_TOPIC_BUCKETS];
	dsa_pointer members[RT_PRESENCE_MEMBER_BUCKETS];
} RtPresenceArea;

extern RtPresenceArea *rt_presence_area;
extern RtFixedArea rt_presence_memory;

static inline void *
rt_presence_at(dsa_pointer pointer)
{
	return rt_fixed_area_at(&rt_presence_memory, pointer);
}

static inline char *
rt_presence_key(RtPresenceMember *member)
{
	return (char *) &member->of_gateway[realtime_gateways];
}

/* All that make something return an invalid pointer without memory. */
extern dsa_pointer rt_presence_copy(const char *bytes, Size len);

extern void rt_presence_set_in(dsa_pointer member, RtPresenceList list, bool in);

extern dsa_pointer rt_presence_topic_find(const char *name, Size len, uint32 hash);
extern dsa_pointer rt_presence_topic_make(const char *name, Size len, uint32 hash);
extern void rt_presence_topic_set_changed(dsa_pointer topic, bool is_changed);
extern void rt_presence_topic_free_if_unused(dsa_pointer topic);

extern dsa_pointer rt_presence_member_find(dsa_pointer topic, const char *key, Size len);
extern dsa_pointer rt_presence_member_make(dsa_pointer topic, const char *key, Size len);
extern void rt_presence_member_free(dsa_pointer member);

#endif							/* RT_IPC_PRESENCE_TABLE_H */

/*
 * client_index.c
 *		Finds places of the directory of connections.
 *
 * For each kind of key there is a table of chains, and each place has a link.  The
 * first place of a list is the one that stands in the chain, and it knows how long
 * the list is; others come right behind it, so it stays the first until it leaves.
 *
 * Locks are of chains: a few of them share one.  None is held together with another
 * one of these.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/client_index.h"

#define NONE RT_CLIENT_NO_PLACE

/* Of a place; protected by the lock of its chain. */
typedef struct Link
{
	uint64		hash;			/* 0 = in no list */
	uint32		next;			/* of the same list */
	uint32		previous;
	uint32		next_list;		/* first: that of the next list in the chain */
	uint32		count;			/* first: places in the list */
} Link;

typedef struct IndexArea
{
	LWLockPadded *locks;
	uint64		seed;			/* nobody can make keys that share a chain */
	pg_atomic_uint64 totals[RT_CLIENT_KEYS];
} IndexArea;

static IndexArea *area = NULL;
static Link *links[RT_CLIENT_KEYS]; /* by place */
static uint32 *chains[RT_CLIENT_KEYS];	/* first places of lists */

/* ---- setting up ---- */

static uint32
index_places(void)
{
	return (uint32) realtime_gateways * realtime_max_connections;
}

static uint32
chain_count(void)
{
	return Max(pg_nextpower2_32(index_places()), RT_CLIENT_INDEX_LOCKS);
}

static Size
links_size(void)
{
	return mul_size(index_places(), sizeof(Link));
}

static Size
chains_size(void)
{
	return mul_size(chain_count(), sizeof(uint32));
}

Size
rt_client_index_size(void)
{
	return add_size(MAXALIGN(sizeof(IndexArea)),
					mul_size(RT_CLIENT_KEYS, add_size(links_size(), chains_size())));
}

static void
init_area(void)
{
	memset(area, 0, rt_client_index_size());
	area->locks = GetNamedLWLockTranche("RealtimeClientIndex");
	if (!pg_strong_random(&area->seed, sizeof(area->seed)))
		elog(ERROR, "could not generate a random number");
	for (int key = 0; key < RT_CLIENT_KEYS; key++)
	{
		pg_atomic_init_u64(&area->totals[key], 0);
		memset(chains[key], 0xff, chains_size());
	}
}

void
rt_client_index_init(void)
{
	bool		found;
	char	   *at;

	StaticAssertStmt(NONE == 0xffffffff, "chains are filled with it");
	area = ShmemInitStruct("realtime client index", rt_client_index_size(), &found);
	at = (char *) area + MAXALIGN(sizeof(IndexArea));
	for (int key = 0; key < RT_CLIENT_KEYS; key++)
	{
		links[key] = (Link *) at;
		at += links_size();
	}
	for (int key = 0; key < RT_CLIENT_KEYS; key++)
	{
		chains[key] = (uint32 *) at;
		at += chains_size();
	}
	if (!found)
		init_area();
}

/* ---- lists ---- */

static uint32
chain_of(uint64 hash)
{
	uint64		seeded = hash ^ area->seed;

	return (murmurhash32((uint32) seeded) ^ murmurhash32((uint32) (seeded >> 32) + 1)) &
		(chain_count() - 1);
}

static LWLock *
lock_of(uint64 hash)
{
	return &area->locks[chain_of(hash) % RT_CLIENT_INDEX_LOCKS].lock;
}

/* What refers to the list, or where a new one would be referred to. */
static uint32 *
find_list(RtClientKey key, uint64 hash)
{
	uint32	   *list = &chains[key][chain_of(hash)];

	while (*list != NONE && links[key][*list].hash != hash)
		list = &links[key][*list].next_list;
	return list;
}

static void
begin_list(RtClientKey key, uint32 place, uint32 *list)
{
	Link	   *link = &links[key][place];

	link->next = link->previous = link->next_list = NONE;
	link->count = 1;
	*list = place;
}

/* Behind the first. */
static void
join_list(RtClientKey key, uint32 place, uint32 first)
{
	Link	   *link = &links[key][place];
	uint32		second = links[key][first].next;

	link->previous = first;
	link->next = second;
	links[key][first].next = place;
	if (second != NONE)
		links[key][second].previous = place;
	links[key][first].count++;
}

static void
enter(RtClientKey key, uint32 place, uint64 hash)
{
	uint32	   *list;

	LWLockAcquire(lock_of(hash), LW_EXCLUSIVE);
	list = find_list(key, hash);
	if (*list == NONE)
		begin_list(key, place, list);
	else
		join_list(key, place, *list);
	links[key][place].hash = hash;
	LWLockRelease(lock_of(hash));
	pg_atomic_fetch_add_u64(&area->totals[key], 1);
}

/* The second one, if there is one, is the first from now on. */
static void
leave_as_first(RtClientKey key, const Link *link, uint32 *list)
{
	if (link->next == NONE)
	{
		*list = link->next_list;
		return;
	}
	*list = link->next;
	links[key][*list].previous = NONE;
	links[key][*list].next_list = link->next_list;
	links[key][*list].count = link->count - 1;
}

static void
leave(RtClientKey key, uint32 place)
{
	Link	   *link = &links[key][place];
	uint64		hash = link->hash;
	uint32	   *list;

	LWLockAcquire(lock_of(hash), LW_EXCLUSIVE);
	list = find_list(key, hash);
	if (*list == place)
		leave_as_first(key, link, list);
	else
	{
		links[key][*list].count--;
		links[key][link->previous].next = link->next;
		if (link->next != NONE)
			links[key][link->next].previous = link->previous;
	}
	link->hash = 0;
	LWLockRelease(lock_of(hash));
	pg_atomic_fetch_sub_u64(&area->totals[key], 1);
}

/* Who has looked meanwhile has ended. */
static void
wait_for_readers(uint64 hash)
{
	LWLockAcquire(lock_of(hash), LW_EXCLUSIVE);
	LWLockRelease(lock_of(hash));
}

void
rt_client_index_set(RtClientKey key, uint32 place, uint64 hash)
{
	uint64		before = links[key][place].hash;

	if (before == hash)
	{
		if (hash != 0)
			wait_for_readers(hash);
		return;
	}
	if (before != 0)
		leave(key, place);
	if (hash != 0)
		enter(key, place, hash);
}

uint64
rt_client_index_get(RtClientKey key, uint32 place)
{
	return links[key][place].hash;
}

/* ---- looking ---- */

uint32
rt_client_index_begin(RtClientKey key, uint64 hash)
{
	LWLockAcquire(lock_of(hash), LW_SHARED);
	return hash == 0 ? NONE : *find_list(key, hash);
}

uint32
rt_client_index_next(RtClientKey key, uint32 place)
{
	return links[key][place].next;
}

void
rt_client_index_end(RtClientKey key, uint64 hash)
{
	LWLockRelease(lock_of(hash));
}

uint32
rt_client_index_count(RtClientKey key, uint64 hash)
{
	uint32		first = rt_client_index_begin(key, hash);
	uint32		count = first == NONE ? 0 : links[key][first].count;

	rt_client_index_end(key, hash);
	return count;
}

uint64
rt_client_index_total(RtClientKey key)
{
	return pg_atomic_read_u64(&area->totals[key]);
}

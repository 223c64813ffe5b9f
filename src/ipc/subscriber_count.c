/*
 * subscriber_count.c
 *		How many connections are subscribed to a topic.
 *
 * Topics are known by a hash of 64 bits; each has a few places where it may
 * stand.  One without subscribers keeps its place until another one needs it.
 * Only its gateway writes a table, so nothing is locked: who reads looks at the
 * hash again afterwards.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/subscriber_count.h"

#define TOPICS_PER_CONNECTION 4 /* on an average that has room */
#define PLACES 32				/* where a topic may stand */
#define NOBODY 0				/* a hash that no topic has */

typedef struct Place
{
	pg_atomic_uint64 hash;		/* NOBODY = never used */
	pg_atomic_uint64 count;
} Place;

typedef struct Counts
{
	pg_atomic_uint64 homeless;	/* subscribers that have not been counted */
	Place		places[FLEXIBLE_ARRAY_MEMBER];
} Counts;

static char *tables = NULL;		/* of all gateways, one after the other */

static uint32
place_count(void)
{
	return pg_nextpower2_32((uint32) realtime_max_connections *
							TOPICS_PER_CONNECTION + PLACES);
}

static Size
table_size(void)
{
	return CACHELINEALIGN(add_size(offsetof(Counts, places),
								   mul_size(sizeof(Place), place_count())));
}

static Counts *
table_of(int gateway)
{
	return (Counts *) (tables + table_size() * gateway);
}

Size
rt_subscriber_counts_size(void)
{
	return mul_size(table_size(), realtime_gateways);
}

void
rt_subscriber_counts_init(void)
{
	bool		found;

	tables = ShmemInitStruct("realtime subscriber counts",
							 rt_subscriber_counts_size(), &found);
	if (found)
		return;
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		Counts	   *counts = table_of(gateway);

		pg_atomic_init_u64(&counts->homeless, 0);
		for (uint32 i = 0; i < place_count(); i++)
		{
			pg_atomic_init_u64(&counts->places[i].hash, NOBODY);
			pg_atomic_init_u64(&counts->places[i].count, 0);
		}
	}
}

int64
rt_subscriber_counts_max(void)
{
	return place_count();
}

void
rt_subscriber_counts_reset(int gateway)
{
	Counts	   *counts = table_of(gateway);

	for (uint32 i = 0; i < place_count(); i++)
		pg_atomic_write_u64(&counts->places[i].count, 0);
	pg_atomic_write_u64(&counts->homeless, 0);
}

static uint64
hash_of(const char *topic, Size len)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) topic, (int) len, 0);

	return hash == NOBODY ? ~hash : hash;
}

/* The i-th place where it may stand. */
static Place *
place_at(Counts *counts, uint64 hash, int i)
{
	return &counts->places[((uint32) hash + i) & (place_count() - 1)];
}

static Place *
find_place(Counts *counts, uint64 hash)
{
	for (int i = 0; i < PLACES; i++)
	{
		Place	   *place = place_at(counts, hash, i);

		if (pg_atomic_read_u64(&place->hash) == hash)
			return place;
	}
	return NULL;
}

/* NULL if all are taken. */
static Place *
take_place(Counts *counts, uint64 hash)
{
	for (int i = 0; i < PLACES; i++)
	{
		Place	   *place = place_at(counts, hash, i);

		if (pg_atomic_read_u64(&place->count) > 0)
			continue;
		pg_atomic_write_u64(&place->hash, hash);
		pg_write_barrier();		/* pairs with those in count_in() */
		return place;
	}
	return NULL;
}

static void
add(pg_atomic_uint64 *count, int64 change)
{
	pg_atomic_write_u64(count, pg_atomic_read_u64(count) + change);
}

void
rt_subscriber_note_come(int gateway, const char *topic, Size len)
{
	Counts	   *counts = table_of(gateway);
	uint64		hash = hash_of(topic, len);
	Place	   *place = find_place(counts, hash);

	if (place == NULL)
		place = take_place(counts, hash);
	if (place == NULL)
		rt_limit_hit(RT_LIMIT_COUNTED_TOPICS);
	add(place != NULL ? &place->count : &counts->homeless, 1);
}

/* It may have come when there was no place for the topic. */
void
rt_subscriber_note_gone(int gateway, const char *topic, Size len)
{
	Counts	   *counts = table_of(gateway);
	Place	   *place = find_place(counts, hash_of(topic, len));

	if (place != NULL && pg_atomic_read_u64(&place->count) > 0)
		add(&place->count, -1);
	else if (pg_atomic_read_u64(&counts->homeless) > 0)
		add(&counts->homeless, -1);
}

static int64
count_in(Counts *counts, uint64 hash)
{
	Place	   *place = find_place(counts, hash);
	uint64		count = 0;

	if (pg_atomic_read_u64(&counts->homeless) > 0)
		return RT_SUBSCRIBERS_UNKNOWN;
	if (place == NULL)
		return 0;
	pg_read_barrier();
	count = pg_atomic_read_u64(&place->count);
	pg_read_barrier();
	return pg_atomic_read_u64(&place->hash) == hash ? (int64) count : 0;
}

int64
rt_subscriber_count(const char *topic, Size len)
{
	uint64		hash = hash_of(topic, len);
	int64		sum = 0;

	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		int64		count = count_in(table_of(gateway), hash);

		if (count == RT_SUBSCRIBERS_UNKNOWN)
			return RT_SUBSCRIBERS_UNKNOWN;
		sum += count;
	}
	return sum;
}

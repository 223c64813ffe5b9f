/*
 * test_subscriber_count.c
 *		src/ipc/subscriber_count.c: counts that are right, or not known.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include "storage/shmem.h"

#include "test/unit/shmem.h"

#include "src/ipc/subscriber_count.c"
#include "test/unit/unit.h"

#define MANY 1000

int			realtime_gateways = 2;
int			realtime_max_connections = 1;

/* Nobody looks at how often limits have acted. */
void
rt_limit_hit(RtLimitKind limit)
{
}

/* The server's hash, played: FNV-1a. */
uint64
hash_bytes_extended(const unsigned char *bytes, int len, uint64 seed)
{
	uint64		hash = UINT64CONST(0xcbf29ce484222325) ^ seed;

	for (int i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64CONST(0x100000001b3);
	return hash;
}

static const char *
topic(int number)
{
	static char name[16];

	snprintf(name, sizeof(name), "t%d", number);
	return name;
}

static void
come(int gateway, int number)
{
	rt_subscriber_note_come(gateway, topic(number), strlen(topic(number)));
}

static void
go(int gateway, int number)
{
	rt_subscriber_note_gone(gateway, topic(number), strlen(topic(number)));
}

static int64
count(int number)
{
	return rt_subscriber_count(topic(number), strlen(topic(number)));
}

static void
counts_over_gateways(void)
{
	CHECK(count(1) == 0);
	come(0, 1);
	come(0, 1);
	come(1, 1);
	come(1, 2);
	CHECK(count(1) == 3 && count(2) == 1 && count(3) == 0);
	go(0, 1);
	go(1, 2);
	CHECK(count(1) == 2 && count(2) == 0);
	rt_subscriber_counts_reset(0);
	CHECK(count(1) == 1);
	go(1, 1);
	CHECK(count(1) == 0);
}

/* However many topics come one after the other, each finds a place. */
static void
uses_places_again(void)
{
	for (int i = 0; i < MANY; i++)
	{
		come(0, i);
		CHECK(count(i) == 1);
		go(0, i);
	}
}

/* Too many at once: nothing is known until they have gone, in any order. */
static void
does_not_know_too_many(void)
{
	for (int i = 0; i < MANY; i++)
		come(0, i);
	CHECK(count(0) == RT_SUBSCRIBERS_UNKNOWN);
	CHECK(count(MANY) == RT_SUBSCRIBERS_UNKNOWN);
	for (int i = 0; i < MANY / 2; i++)
		go(0, i);
	for (int i = MANY / 2; i < MANY; i++)
		come(0, i);
	for (int i = MANY - 1; i >= MANY / 2; i--)
	{
		go(0, i);
		go(0, i);
	}
	CHECK(count(0) == 0 && count(MANY - 1) == 0);
	come(0, 7);
	CHECK(count(7) == 1);
}

int
main(void)
{
	rt_subscriber_counts_init();
	RUN(counts_over_gateways);
	RUN(uses_places_again);
	RUN(does_not_know_too_many);
	return unit_done();
}

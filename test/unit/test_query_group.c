/*
 * test_query_group.c
 *		src/ipc/query_group.c and query_maker.c: which groups are open, and how many
 *		somebody has made, with one process.
 *
 * The server's functions that they call are played here.
 */
#include "postgres.h"

#include "src/ipc/clock.h"

#define rt_clock_ms() 1000

#include "src/ipc/query_group.c"

#undef NONE
#define table makers_table
#define chains makers_chains
#include "src/ipc/query_maker.c"
#undef table
#undef chains
#undef printf
#undef fprintf
#undef snprintf

#include "test/unit/shmem.h"
#include "test/unit/unit.h"

#define GROUPS 64
#define MAKERS 5
#define STEPS 100000

int			realtime_max_query_groups = GROUPS;
int			realtime_query_memory = 64;

/* ---- the server ---- */

static int	listeners = 0;

LWLockPadded *
GetNamedLWLockTranche(const char *name)
{
	static LWLockPadded lock;

	return &lock;
}

bool
LWLockAcquire(LWLock *lock, LWLockMode mode)
{
	return true;
}

void
LWLockRelease(LWLock *lock)
{
}

bool
pg_strong_random(void *bytes, size_t len)
{
	memset(bytes, 0x5A, len);
	return true;
}

pg_prng_state pg_global_prng_state;

uint64
pg_prng_uint64(pg_prng_state *state)
{
	return 1 << 20;
}

uint64
hash_bytes_extended(const unsigned char *bytes, int len, uint64 seed)
{
	uint64		hash = UINT64CONST(0xcbf29ce484222325) ^ seed;

	for (int i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64CONST(0x100000001b3);
	return hash;
}

/* Never used: nothing here is long enough for it, nor fails. */
bool
errstart(int level, const char *domain)
{
	abort();
}

bool
errstart_cold(int level, const char *domain)
{
	abort();
}

void
errfinish(const char *file, int line, const char *function)
{
}

int
errmsg_internal(const char *format,...)
{
	return 0;
}

void *
palloc(Size size)
{
	return malloc(size);
}

void *
dsa_get_address(dsa_area *dsa, dsa_pointer pointer)
{
	return (void *) (uintptr_t) pointer;
}

/* ---- the rest of ours ---- */

Size
rt_fixed_area_size(Size size)
{
	return size;
}

void
rt_fixed_area_create(void *place_of, Size size, const char *name)
{
}

void
rt_fixed_area_attach(RtFixedArea *fixed, void *place_of, RtLimitKind limit)
{
}

uint64
rt_fixed_area_used(void *place_of)
{
	return 0;
}

dsa_pointer
rt_fixed_area_allocate(const RtFixedArea *fixed, Size size)
{
	return (dsa_pointer) (uintptr_t) malloc(size);
}

void
rt_fixed_area_free(const RtFixedArea *fixed, dsa_pointer pointer)
{
	free((void *) (uintptr_t) pointer);
}

void
rt_limit_hit(RtLimitKind limit)
{
}

void
rt_limit_note(RtLimitKind limit, uint64 size)
{
}

void
rt_round_want_by(int64 due_ms)
{
}

void
rt_change_listener_add(void)
{
	listeners++;
}

void
rt_change_listener_remove(void)
{
	listeners--;
}

/* ---- what there is, told again ---- */

static struct
{
	RtQueryGroup *group;		/* NULL = none */
	uint64		maker;
	bool		open;
}			known[GROUPS];

static int	last_key = 0;

static void
make(int i)
{
	RtQueryGroupMarks marks = {0};
	RtQueryGroupHash hash;
	int			key = ++last_key;

	hash = rt_query_group_hash((const char *) &key, sizeof(key));
	known[i].maker = ((uint64) (rand() % 3) << 48) | (uint64) (rand() % MAKERS);
	known[i].open = true;
	known[i].group = rt_query_group_make(&hash, &marks, 1, (const char *) &key, sizeof(key),
										 known[i].maker);
	CHECK(known[i].group != NULL);
}

static void
set_state(RtQueryGroup *group, bool any)
{
	RtQueryState state = {.size = sizeof(RtQueryState)};

	CHECK(rt_query_group_set_state(group, any ? &state : NULL));
}

static void
change(int i)
{
	RtQueryGroup *group = known[i].group;

	switch (rand() % 5)
	{
		case 0:
			known[i].open = true;
			rt_query_group_open(group);
			break;
		case 1:
			known[i].open = false;
			rt_query_group_close(group);
			break;
		case 2:
			set_state(group, true);
			break;
		case 3:
			known[i].open = true;
			set_state(group, false);
			break;
		case 4:
			CHECK(rt_query_group_remove(group));
			known[i].group = NULL;
			break;
	}
}

static void
check_open(void)
{
	int			expected = 0;
	int			count = 0;

	for (int i = 0; i < GROUPS; i++)
	{
		expected += known[i].group != NULL && known[i].open;
		CHECK(known[i].group == NULL || known[i].group->open == known[i].open);
	}
	for (RtQueryGroup *group = NULL; (group = rt_query_group_next_open(group)) != NULL;)
		CHECK(group->serial != 0 && group->open && ++count <= GROUPS);
	CHECK(count == expected);
}

static void
check_makers(void)
{
	for (uint64 gateway = 0; gateway < 3; gateway++)
	{
		for (uint64 n = 0; n < MAKERS; n++)
		{
			uint64		maker = (gateway << 48) | n;
			int			count = 0;

			for (int i = 0; i < GROUPS; i++)
				count += known[i].group != NULL && known[i].maker == maker;
			CHECK(rt_query_maker_groups(maker) == count);
		}
	}
}

static void
knows_which_are_open(void)
{
	for (int step = 0; step < STEPS; step++)
	{
		int			i = rand() % GROUPS;

		if (known[i].group == NULL)
			make(i);
		else
			change(i);
		if (step % 1009 == 0)
		{
			check_open();
			check_makers();
		}
	}
}

/* Each group with a maker of its own: there is a place for all of them. */
static void
has_room_for_all_makers(void)
{
	for (int i = 0; i < GROUPS; i++)
	{
		if (known[i].group != NULL)
			CHECK(rt_query_group_remove(known[i].group));
		known[i].group = NULL;
	}
	CHECK(rt_query_group_next_open(NULL) == NULL && listeners == 0);
	for (int times = 0; times < 3; times++)
	{
		for (int i = 0; i < GROUPS; i++)
			rt_query_maker_add((uint64) times * GROUPS + i);
		for (int i = 0; i < GROUPS; i++)
			CHECK(rt_query_maker_groups((uint64) times * GROUPS + i) == 1);
		for (int i = 0; i < GROUPS; i++)
			rt_query_maker_remove((uint64) times * GROUPS + i);
		CHECK(rt_query_maker_groups((uint64) times * GROUPS) == 0);
	}
}

int
main(void)
{
	rt_query_groups_init();
	rt_query_makers_init();
	RUN(knows_which_are_open);
	RUN(has_room_for_all_makers);
	return unit_done();
}

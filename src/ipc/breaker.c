/*
 * breaker.c
 *		Circuit breakers.
 *
 * A table of those that have ever failed; one that is healthy and has no
 * failures makes room for another name.  Only calls that have a breaker come
 * here, and do a few comparisons, so one spinlock is enough.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "src/ipc/breaker.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/worker_slot.h"

typedef struct Breakers
{
	slock_t		lock;
	int			count;
	pg_atomic_uint32 version;
	RtBreaker	breakers[RT_BREAKERS_MAX];
} Breakers;

static Breakers *table = NULL;

Size
rt_breakers_size(void)
{
	return sizeof(Breakers);
}

void
rt_breakers_init(void)
{
	bool		found;

	table = ShmemInitStruct("realtime breakers", rt_breakers_size(), &found);
	if (found)
		return;
	memset(table, 0, sizeof(Breakers));
	SpinLockInit(&table->lock);
	pg_atomic_init_u32(&table->version, 0);
}

/* ---- under the lock ---- */

static RtBreaker *
find(const char *name, uint32 hash)
{
	for (int i = 0; i < table->count; i++)
	{
		RtBreaker  *breaker = &table->breakers[i];

		if (breaker->hash == hash && strcmp(breaker->name, name) == 0)
			return breaker;
	}
	return NULL;
}

static RtBreaker *
find_unused(void)
{
	if (table->count < RT_BREAKERS_MAX)
		return &table->breakers[table->count++];
	for (int i = 0; i < RT_BREAKERS_MAX; i++)
	{
		RtBreaker  *breaker = &table->breakers[i];

		if (breaker->state == RT_BREAKER_HEALTHY && breaker->failures == 0)
			return breaker;
	}
	return NULL;
}

/* Those that do not make room for another name. */
static int
count_used(void)
{
	int			used = 0;

	for (int i = 0; i < table->count; i++)
		used += table->breakers[i].state != RT_BREAKER_HEALTHY ||
			table->breakers[i].failures > 0;
	return used;
}

/* NULL if all are in use: then there is one breaker less. */
static RtBreaker *
find_or_make(const char *name, uint32 hash)
{
	RtBreaker  *breaker = find(name, hash);

	if (breaker != NULL)
		return breaker;
	breaker = find_unused();
	if (breaker == NULL)
		return NULL;
	memset(breaker, 0, sizeof(RtBreaker));
	strlcpy(breaker->name, name, NAMEDATALEN);
	breaker->hash = hash;
	return breaker;
}

static RtBreakerTurn
turn_of(RtBreaker *breaker, int64 now_ms, int64 reset_ms)
{
	if (breaker == NULL || breaker->state == RT_BREAKER_HEALTHY)
		return RT_TURN_PASSES;
	if (now_ms < breaker->until_ms)
		return RT_TURN_REFUSED;
	breaker->state = RT_BREAKER_PROBING;
	breaker->until_ms = now_ms + reset_ms;
	return RT_TURN_PROBES;
}

/* What was begun before it broke says nothing about what is since. */
static bool
is_stale(const RtBreaker *breaker, RtBreakerTurn turn)
{
	return turn == RT_TURN_PASSES && breaker->state != RT_BREAKER_HEALTHY;
}

/* Both return whether it has become broken, or healthy. */
static bool
note_failure(RtBreaker *breaker, int64 until_ms, int threshold)
{
	bool		was_healthy = breaker->state == RT_BREAKER_HEALTHY;

	breaker->failures++;
	if (was_healthy && breaker->failures < threshold)
		return false;
	breaker->state = RT_BREAKER_BROKEN;
	breaker->until_ms = until_ms;
	breaker->trips += was_healthy;
	return was_healthy;
}

static bool
note_success(RtBreaker *breaker)
{
	bool		was_healthy = breaker->state == RT_BREAKER_HEALTHY;

	breaker->state = RT_BREAKER_HEALTHY;
	breaker->failures = 0;
	return !was_healthy;
}

/* ---- around it ---- */

static uint32
hash_of(const char *name)
{
	return hash_bytes((const unsigned char *) name, strlen(name));
}

RtBreakerTurn
rt_breaker_ask(const char *name, int64 reset_ms)
{
	uint32		hash = hash_of(name);
	int64		now_ms = rt_clock_ms();
	RtBreakerTurn turn;

	SpinLockAcquire(&table->lock);
	turn = turn_of(find(name, hash), now_ms, reset_ms);
	SpinLockRelease(&table->lock);
	return turn;
}

void
rt_breaker_tell(const char *name, RtBreakerTurn turn, bool failed,
				int threshold, int64 reset_ms)
{
	uint32		hash = hash_of(name);
	int64		until_ms = rt_clock_ms() + reset_ms;
	RtBreaker  *breaker;
	bool		changed = false;
	int			used;

	SpinLockAcquire(&table->lock);
	breaker = failed ? find_or_make(name, hash) : find(name, hash);
	if (breaker != NULL && !is_stale(breaker, turn))
		changed = failed ? note_failure(breaker, until_ms, threshold) :
			note_success(breaker);
	if (changed)
		pg_atomic_fetch_add_u32(&table->version, 1);
	used = failed ? count_used() : 0;
	SpinLockRelease(&table->lock);
	rt_limit_note(RT_LIMIT_BREAKERS, used);
	if (failed && breaker == NULL)
		rt_limit_hit(RT_LIMIT_BREAKERS);
	if (changed)
		rt_worker_wake_all(RT_WORKER_GATEWAY);
}

void
rt_breaker_give_back(const char *name, RtBreakerTurn turn)
{
	uint32		hash = hash_of(name);
	RtBreaker  *breaker;

	if (turn != RT_TURN_PROBES)
		return;
	SpinLockAcquire(&table->lock);
	breaker = find(name, hash);
	if (breaker != NULL && breaker->state == RT_BREAKER_PROBING)
	{
		breaker->state = RT_BREAKER_BROKEN;
		breaker->until_ms = 0;	/* the next one may try */
	}
	SpinLockRelease(&table->lock);
}

void
rt_breaker_forget(const char *name)
{
	uint32		hash = hash_of(name);
	RtBreaker  *breaker;
	bool		changed = false;

	SpinLockAcquire(&table->lock);
	breaker = find(name, hash);
	if (breaker != NULL)
	{
		changed = breaker->state != RT_BREAKER_HEALTHY;
		*breaker = table->breakers[--table->count];
	}
	if (changed)
		pg_atomic_fetch_add_u32(&table->version, 1);
	SpinLockRelease(&table->lock);
	if (changed)
		rt_worker_wake_all(RT_WORKER_GATEWAY);
}

bool
rt_breaker_read(int i, RtBreaker *breaker)
{
	bool		is_there;

	SpinLockAcquire(&table->lock);
	is_there = i < table->count;
	if (is_there)
		*breaker = table->breakers[i];
	SpinLockRelease(&table->lock);
	return is_there;
}

int64
rt_breakers_max(void)
{
	return RT_BREAKERS_MAX;
}

int64
rt_breakers_used(void)
{
	int			used;

	SpinLockAcquire(&table->lock);
	used = count_used();
	SpinLockRelease(&table->lock);
	return used;
}

uint32
rt_breakers_version(void)
{
	return pg_atomic_read_u32(&table->version);
}

bool
rt_breakers_any_broken(void)
{
	RtBreaker	breaker;

	for (int i = 0; rt_breaker_read(i, &breaker); i++)
	{
		if (breaker.state != RT_BREAKER_HEALTHY)
			return true;
	}
	return false;
}

/*
 * log_limit.c
 *		How many errors of one kind are logged.
 *
 * A small table under a lock that is taken for errors alone.  If it is full,
 * further kinds are one.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/log_limit.h"

#define KINDS_MAX 128
#define OTHERS 0				/* the entry for those without one */

typedef struct Kind
{
	uint64		key;			/* 0 = unused */
	int64		began_ms;
	uint32		count;			/* since then */
	uint32		rest;			/* of these: not logged */
	int			sqlstate;
	char		name[RT_LOG_NAME_MAX + 1];
} Kind;

typedef struct LogLimits
{
	pg_atomic_uint64 since_ms;	/* when the first interval with a rest has begun;
								 * 0 = none */
	pg_atomic_uint64 total;
	Kind		kinds[KINDS_MAX];	/* protected by the lock */
} LogLimits;

static LogLimits *limits = NULL;
static LWLock *lock = NULL;

Size
rt_log_limits_size(void)
{
	return sizeof(LogLimits);
}

void
rt_log_limits_init(void)
{
	bool		found;

	limits = ShmemInitStruct("realtime log limits", rt_log_limits_size(), &found);
	lock = &GetNamedLWLockTranche("RealtimeLogLimit")->lock;
	if (found)
		return;
	memset(limits, 0, sizeof(LogLimits));
	pg_atomic_init_u64(&limits->since_ms, 0);
	pg_atomic_init_u64(&limits->total, 0);
	limits->kinds[OTHERS].key = 1;
}

/* ---- under the lock ---- */

static bool
is_over(const Kind *kind, int64 now_ms)
{
	return now_ms - kind->began_ms >= realtime_log_repeat_interval;
}

static bool
is_unused(const Kind *kind, int64 now_ms)
{
	return kind->key == 0 || (kind->rest == 0 && is_over(kind, now_ms));
}

static void
begin(Kind *kind, int64 now_ms)
{
	kind->began_ms = now_ms;
	kind->count = 0;
	kind->rest = 0;
}

static int
count_used(int64 now_ms)
{
	int			used = 0;

	for (int i = OTHERS + 1; i < KINDS_MAX; i++)
		used += !is_unused(&limits->kinds[i], now_ms);
	return used;
}

/* Its entry, or one that nobody needs, or that of all others. */
static Kind *
find_or_make(const char *name, int sqlstate, uint64 key, int64 now_ms)
{
	Kind	   *unused = NULL;

	for (int i = OTHERS + 1; i < KINDS_MAX; i++)
	{
		Kind	   *kind = &limits->kinds[i];

		if (kind->key == key)
			return kind;
		if (unused == NULL && is_unused(kind, now_ms))
			unused = kind;
	}
	if (unused == NULL)
	{
		rt_limit_hit(RT_LIMIT_LOG_KINDS);
		return &limits->kinds[OTHERS];
	}
	unused->key = key;
	unused->sqlstate = sqlstate;
	strlcpy(unused->name, name, sizeof(unused->name));
	begin(unused, now_ms);
	rt_limit_note(RT_LIMIT_LOG_KINDS, count_used(now_ms));
	return unused;
}

static void
note_first(void)
{
	int64		since_ms = 0;

	for (int i = 0; i < KINDS_MAX; i++)
	{
		Kind	   *kind = &limits->kinds[i];

		if (kind->rest > 0 && (since_ms == 0 || kind->began_ms < since_ms))
			since_ms = kind->began_ms;
	}
	pg_atomic_write_u64(&limits->since_ms, (uint64) since_ms);
}

static bool
count(Kind *kind, int64 now_ms)
{
	if (kind->rest == 0 && is_over(kind, now_ms))
		begin(kind, now_ms);
	if (kind->count < (uint32) realtime_log_repeats)
	{
		kind->count++;
		return true;
	}
	kind->rest++;
	pg_atomic_fetch_add_u64(&limits->total, 1);
	if (kind->rest == 1)
		note_first();
	return false;
}

/* ---- around it ---- */

bool
rt_log_limit_allows(const char *name, int sqlstate)
{
	uint64		key = Max(2, hash_bytes_extended((const unsigned char *) name,
											 (int) strlen(name), (uint64) sqlstate));
	int64		now_ms = rt_clock_ms();
	bool		allows;

	if (realtime_log_repeats < 0)
		return true;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	allows = count(find_or_make(name, sqlstate, key, now_ms), now_ms);
	LWLockRelease(lock);
	return allows;
}

bool
rt_log_limit_take_rest(RtLogRest *rest)
{
	int64		now_ms = rt_clock_ms();

	rest->count = 0;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < KINDS_MAX && rest->count == 0; i++)
	{
		Kind	   *kind = &limits->kinds[i];

		if (kind->rest == 0 || !is_over(kind, now_ms))
			continue;
		rest->count = kind->rest;
		rest->sqlstate = kind->sqlstate;
		strlcpy(rest->name, kind->name, sizeof(rest->name));
		begin(kind, now_ms);
	}
	note_first();
	LWLockRelease(lock);
	return rest->count > 0;
}

long
rt_log_limit_due_in(void)
{
	int64		since_ms = (int64) pg_atomic_read_u64(&limits->since_ms);

	return since_ms == 0 ? -1 :
		(long) Max(0, since_ms + realtime_log_repeat_interval - rt_clock_ms());
}

int64
rt_log_kinds_max(void)
{
	return KINDS_MAX - 1;
}

int64
rt_log_kinds(void)
{
	int			used;

	LWLockAcquire(lock, LW_SHARED);
	used = count_used(rt_clock_ms());
	LWLockRelease(lock);
	return used;
}

uint64
rt_log_limit_total(void)
{
	return pg_atomic_read_u64(&limits->total);
}

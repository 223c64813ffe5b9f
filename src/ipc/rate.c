/*
 * rate.c
 *		How often who has called what of late.
 *
 * A sliding window of two: what was counted in the window before is taken to
 * have been spread evenly over it, and counts for the part that is not over yet.
 * So an identity takes the same few bytes whatever its limit is.  Windows of an
 * identity begin with its first call, and none is counted that is refused.
 *
 * One lock for all of it: what is done under it is short, but for a sweep of
 * what nobody needs any more, which is done when there is no room, and once a
 * second at most, so that who floods us with identities does not keep others
 * waiting.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"

#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/rate.h"

#define PATHS_MAX 1024
#define FUNCTIONS_FULL 8		/* for so many functions there is room to have
								 * realtime.rate_identities each */
#define SWEEP_PAUSE_US USECS_PER_SEC

typedef struct Key
{
	uint64		path;			/* digest */
	uint64		identity;		/* likewise */
} Key;

typedef struct Window
{
	Key			key;			/* hash key */
	int64		began;			/* by rt_clock_us() */
	int64		length_us;
	int32		before;			/* calls in the one before */
	int32		now;
} Window;

typedef struct Rates
{
	uint64		seed;
	int64		swept;
} Rates;

static Rates *rates = NULL;
static HTAB *windows = NULL;
static HTAB *paths = NULL;
static LWLock *lock = NULL;

static long
windows_max(void)
{
	return (long) realtime_rate_identities * FUNCTIONS_FULL;
}

Size
rt_rates_size(void)
{
	Size		size = MAXALIGN(sizeof(Rates));

	size = add_size(size, hash_estimate_size(windows_max(), sizeof(Window)));
	return add_size(size, hash_estimate_size(PATHS_MAX, sizeof(RtRatePath)));
}

void
rt_rates_init(void)
{
	HASHCTL		window_control = {.keysize = sizeof(Key),.entrysize = sizeof(Window)};
	HASHCTL		path_control = {.keysize = sizeof(uint64),.entrysize = sizeof(RtRatePath)};
	bool		found;

	rates = ShmemInitStruct("realtime rates", sizeof(Rates), &found);
	if (!found)
	{
		if (!pg_strong_random(&rates->seed, sizeof(rates->seed)))
			rates->seed = pg_prng_uint64(&pg_global_prng_state);
		rates->swept = 0;
	}
	windows = ShmemInitHash("realtime rate windows", windows_max(), windows_max(),
							&window_control, HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
	paths = ShmemInitHash("realtime rate paths", PATHS_MAX, PATHS_MAX,
						  &path_control, HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
	lock = &GetNamedLWLockTranche("RealtimeRate")->lock;
}

uint64
rt_rate_digest(const void *data, Size len, uint64 salt)
{
	return hash_bytes_extended(data, (int) len, rates->seed ^ salt);
}

/* ---- making room ---- */

/* What was counted has no say any more. */
static bool
is_over(const Window *window, int64 now)
{
	return now - window->began >= 2 * window->length_us;
}

static void
remove_window(const Window *window)
{
	Key			key = window->key;
	RtRatePath *path = hash_search(paths, &key.path, HASH_FIND, NULL);

	if (path != NULL)
		path->identities--;
	(void) hash_search(windows, &key, HASH_REMOVE, NULL);
}

static void
sweep(int64 now)
{
	HASH_SEQ_STATUS scan;
	Window	   *window;

	if (now - rates->swept < SWEEP_PAUSE_US)
		return;
	rates->swept = now;
	hash_seq_init(&scan, windows);
	while ((window = hash_seq_search(&scan)) != NULL)
	{
		if (is_over(window, now))
			remove_window(window);
	}
}

/* Those of which nobody is counted, perhaps because they are declared no more. */
static void
forget_paths(int64 now)
{
	HASH_SEQ_STATUS scan;
	RtRatePath *path;

	sweep(now);
	hash_seq_init(&scan, paths);
	while ((path = hash_seq_search(&scan)) != NULL)
	{
		if (path->identities == 0)
			(void) hash_search(paths, &path->digest, HASH_REMOVE, NULL);
	}
}

static RtRatePath *
find_path(const char *name, int64 now)
{
	uint64		digest = rt_rate_digest(name, strlen(name), 0);
	RtRatePath *path;
	bool		found;

	path = hash_search(paths, &digest, HASH_FIND, NULL);
	if (path != NULL)
		return path;
	if (hash_get_num_entries(paths) >= PATHS_MAX)
		forget_paths(now);
	if (hash_get_num_entries(paths) >= PATHS_MAX)
	{
		rt_limit_hit(RT_LIMIT_RATE_PATHS);
		return NULL;
	}
	path = hash_search(paths, &digest, HASH_ENTER_NULL, &found);
	if (path == NULL)
		return NULL;
	strlcpy(path->name, name, sizeof(path->name));
	path->identities = 0;
	path->passed = 0;
	path->refused = 0;
	rt_limit_note(RT_LIMIT_RATE_PATHS, hash_get_num_entries(paths));
	return path;
}

static bool
is_full(const RtRatePath *path)
{
	return path->identities >= (uint32) realtime_rate_identities;
}

static bool
are_all_full(void)
{
	return hash_get_num_entries(windows) >= windows_max();
}

static bool
is_crowded(const RtRatePath *path)
{
	return is_full(path) || are_all_full();
}

/* Who is counted already is so, however many others come. */
static Window *
find_window(RtRatePath *path, uint64 identity, int64 now)
{
	Key			key = {path->digest, identity};
	Window	   *window = hash_search(windows, &key, HASH_FIND, NULL);
	bool		found;

	if (window != NULL)
		return window;
	if (is_crowded(path))
		sweep(now);
	if (is_crowded(path))
	{
		rt_limit_hit(is_full(path) ? RT_LIMIT_RATE_IDENTITIES : RT_LIMIT_RATE_WINDOWS);
		return NULL;
	}
	window = hash_search(windows, &key, HASH_ENTER_NULL, &found);
	if (window == NULL)
		return NULL;
	window->length_us = 0;
	rt_limit_note(RT_LIMIT_RATE_IDENTITIES, ++path->identities);
	rt_limit_note(RT_LIMIT_RATE_WINDOWS, hash_get_num_entries(windows));
	return window;
}

/* ---- counting ---- */

static void
move_on(Window *window, int64 length_us, int64 now)
{
	if (window->length_us != length_us || is_over(window, now))
	{
		window->length_us = length_us;
		window->began = now;
		window->before = 0;
		window->now = 0;
	}
	else if (now - window->began >= length_us)
	{
		window->began += length_us;
		window->before = window->now;
		window->now = 0;
	}
}

/* When `count` calls, spread over the window before, have come down to `most`. */
static double
part_until(int32 count, int most)
{
	return count <= most ? 0 : 1 - (double) most / count;
}

static int
ms_until_next(const Window *window, int limit, int64 now)
{
	double		length = (double) window->length_us;
	double		elapsed = (double) (now - window->began);
	double		wait;

	if (window->now < limit)
		wait = part_until(window->before, limit - 1 - window->now) * length - elapsed;
	else
		wait = length - elapsed + part_until(window->now, limit - 1) * length;
	return (int) Min(Max(wait / 1000 + 1, 1), PG_INT32_MAX);
}

static bool
is_within(const Window *window, int limit, int64 now)
{
	double		left = 1 - (double) (now - window->began) / window->length_us;

	return window->now + 1 + window->before * left <= limit;
}

static RtRateVerdict
take(RtRatePath *path, uint64 identity, int limit, int window_ms,
	 int64 now, int *retry_after_ms)
{
	Window	   *window = find_window(path, identity, now);

	*retry_after_ms = window_ms;
	if (window == NULL)
		return RT_RATE_CROWDED;
	move_on(window, (int64) window_ms * 1000, now);
	if (is_within(window, limit, now))
	{
		window->now++;
		return RT_RATE_PASSES;
	}
	*retry_after_ms = ms_until_next(window, limit, now);
	return RT_RATE_EXCEEDED;
}

RtRateVerdict
rt_rate_take(const char *name, uint64 identity, int limit, int window_ms,
			 int *retry_after_ms)
{
	int64		now = rt_clock_us();
	RtRateVerdict verdict = RT_RATE_CROWDED;
	RtRatePath *path;

	*retry_after_ms = window_ms;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	path = find_path(name, now);
	if (path != NULL)
	{
		verdict = take(path, identity, limit, window_ms, now, retry_after_ms);
		if (verdict == RT_RATE_PASSES)
			path->passed++;
		else
			path->refused++;
	}
	LWLockRelease(lock);
	return verdict;
}

/* ---- how much there is ---- */

int64
rt_rate_windows_max(void)
{
	return windows_max();
}

int64
rt_rate_windows(void)
{
	return hash_get_num_entries(windows);
}

int64
rt_rate_paths_max(void)
{
	return PATHS_MAX;
}

int64
rt_rate_paths_used(void)
{
	return hash_get_num_entries(paths);
}

int64
rt_rate_most_identities(void)
{
	HASH_SEQ_STATUS scan;
	RtRatePath *path;
	uint32		most = 0;

	LWLockAcquire(lock, LW_SHARED);
	hash_seq_init(&scan, paths);
	while ((path = hash_seq_search(&scan)) != NULL)
		most = Max(most, path->identities);
	LWLockRelease(lock);
	return most;
}

int
rt_rate_paths(RtRatePath **copies)
{
	HASH_SEQ_STATUS scan;
	RtRatePath *path;
	int			count = 0;

	*copies = palloc(PATHS_MAX * sizeof(RtRatePath));
	LWLockAcquire(lock, LW_SHARED);
	hash_seq_init(&scan, paths);
	while ((path = hash_seq_search(&scan)) != NULL)
	{
		if (count < PATHS_MAX)
			(*copies)[count++] = *path;
	}
	LWLockRelease(lock);
	return count;
}

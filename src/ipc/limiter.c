/*
 * limiter.c
 *		Limits that functions ask for themselves.
 *
 * What is consumed is so at once and whatever becomes of the transaction, as a
 * number of a sequence is.  One lock for all: what is done under it is short,
 * but for the sweep, once a second at most, and for clearing.
 */
#include "postgres.h"

#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"

#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/limiter.h"
#include "src/ipc/rate.h"
#include "src/ipc/score.h"

#define LIMITERS_FULL 8			/* for so many there is room to have
								 * realtime.rate_identities keys each */
#define SWEEP_PAUSE_US USECS_PER_SEC
#define SALT_LIMITER 3
#define SALT_KEY 4

typedef struct Bucket
{
	RtLimiterKey key;			/* hash key */
	int64		ends;			/* of its window, by rt_clock_us() */
	int64		banned_until;
	int			used;
} Bucket;

static int64 *swept = NULL;
static HTAB *buckets = NULL;
static LWLock *lock = NULL;

static long
buckets_max(void)
{
	return (long) realtime_rate_identities * LIMITERS_FULL;
}

Size
rt_limiters_size(void)
{
	return add_size(MAXALIGN(sizeof(int64)),
					hash_estimate_size(buckets_max(), sizeof(Bucket)));
}

void
rt_limiters_init(void)
{
	HASHCTL		control = {.keysize = sizeof(RtLimiterKey),.entrysize = sizeof(Bucket)};
	bool		found;

	swept = ShmemInitStruct("realtime limiters", sizeof(int64), &found);
	if (!found)
		*swept = 0;
	buckets = ShmemInitHash("realtime limiter keys", buckets_max(), buckets_max(),
							&control, HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
	lock = &GetNamedLWLockTranche("RealtimeLimiter")->lock;
}

RtLimiterKey
rt_limiter_key(const char *limiter, const char *key)
{
	return (RtLimiterKey) {
		rt_rate_digest(limiter, strlen(limiter), SALT_LIMITER),
		rt_rate_digest(key, strlen(key), SALT_KEY)
	};
}

/* ---- under the lock ---- */

static void
sweep(int64 now)
{
	HASH_SEQ_STATUS scan;
	Bucket	   *bucket;

	if (now - *swept < SWEEP_PAUSE_US)
		return;
	*swept = now;
	hash_seq_init(&scan, buckets);
	while ((bucket = hash_seq_search(&scan)) != NULL)
	{
		if (bucket->ends <= now && bucket->banned_until <= now)
			(void) hash_search(buckets, &bucket->key, HASH_REMOVE, NULL);
	}
}

static Bucket *
find(RtLimiterKey key)
{
	return hash_search(buckets, &key, HASH_FIND, NULL);
}

/* NULL if there is no room: those that are counted go on being so. */
static Bucket *
find_or_make(RtLimiterKey key, int64 now)
{
	Bucket	   *bucket = find(key);

	if (bucket != NULL)
		return bucket;
	if (hash_get_num_entries(buckets) >= buckets_max())
		sweep(now);
	if (hash_get_num_entries(buckets) >= buckets_max())
	{
		rt_limit_hit(RT_LIMIT_LIMITER_KEYS);
		return NULL;
	}
	bucket = hash_search(buckets, &key, HASH_ENTER_NULL, NULL);
	if (bucket == NULL)
		return NULL;
	bucket->ends = 0;
	bucket->banned_until = 0;
	bucket->used = 0;
	rt_limit_note(RT_LIMIT_LIMITER_KEYS, hash_get_num_entries(buckets));
	return bucket;
}

static int64
ms_until(int64 end, int64 now)
{
	return end <= now ? 0 : (end - now + 999) / 1000;
}

static RtConsumed
take(Bucket *bucket, const RtLimit *limit, int cost, int64 now)
{
	RtConsumed	consumed = {.allowed = false};

	if (bucket->banned_until > now)
	{
		consumed.reset_ms = ms_until(bucket->banned_until, now);
		return consumed;
	}
	if (bucket->ends <= now)
	{
		bucket->ends = now + limit->window_ms * 1000;
		bucket->used = 0;
	}
	consumed.allowed = cost <= limit->points - bucket->used;
	if (consumed.allowed)
		bucket->used += cost;
	else if (limit->block_ms > 0)
	{
		bucket->banned_until = now + limit->block_ms * 1000;
		rt_score(RT_SCORE_LIMITER_BANS);
	}
	consumed.remaining = Max(0, limit->points - bucket->used);
	consumed.reset_ms = ms_until(Max(bucket->ends, bucket->banned_until), now);
	return consumed;
}

/* ---- around it ---- */

int64
rt_limiter_keys_max(void)
{
	return buckets_max();
}

int64
rt_limiter_keys(void)
{
	return hash_get_num_entries(buckets);
}

RtConsumed
rt_limiter_consume(RtLimiterKey key, const RtLimit *limit, int cost)
{
	int64		now = rt_clock_us();
	RtConsumed	consumed = {false, 0, limit->window_ms};
	Bucket	   *bucket;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	bucket = find_or_make(key, now);
	if (bucket != NULL)
		consumed = take(bucket, limit, cost, now);
	LWLockRelease(lock);
	rt_score(consumed.allowed ? RT_SCORE_LIMITER_ALLOWED : RT_SCORE_LIMITER_DENIED);
	return consumed;
}

bool
rt_limiter_ban(RtLimiterKey key, int64 ms)
{
	int64		now = rt_clock_us();
	Bucket	   *bucket;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	bucket = find_or_make(key, now);
	if (bucket != NULL)
	{
		bucket->banned_until = now + ms * 1000;
		rt_score(RT_SCORE_LIMITER_BANS);
	}
	LWLockRelease(lock);
	return bucket != NULL;
}

bool
rt_limiter_unban(RtLimiterKey key)
{
	int64		now = rt_clock_us();
	Bucket	   *bucket;
	bool		was_banned;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	bucket = find(key);
	was_banned = bucket != NULL && bucket->banned_until > now;
	if (was_banned)
		bucket->banned_until = 0;
	LWLockRelease(lock);
	return was_banned;
}

bool
rt_limiter_reset(RtLimiterKey key)
{
	bool		found;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	(void) hash_search(buckets, &key, HASH_REMOVE, &found);
	LWLockRelease(lock);
	return found;
}

int64
rt_limiter_clear(uint64 limiter)
{
	HASH_SEQ_STATUS scan;
	Bucket	   *bucket;
	int64		count = 0;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	hash_seq_init(&scan, buckets);
	while ((bucket = hash_seq_search(&scan)) != NULL)
	{
		if (bucket->key.limiter != limiter)
			continue;
		(void) hash_search(buckets, &bucket->key, HASH_REMOVE, NULL);
		count++;
	}
	LWLockRelease(lock);
	return count;
}

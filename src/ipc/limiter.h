/*
 * limiter.h
 *		Limits that functions ask for themselves: realtime.consume().
 *
 * A limiter is a name, and counts for each key in a window that begins with the
 * first use and ends with everything being free again.  Both are kept as digests
 * (rate.h).
 */
#ifndef RT_IPC_LIMITER_H
#define RT_IPC_LIMITER_H

#include "src/compat.h"

typedef struct RtLimiterKey
{
	uint64		limiter;
	uint64		key;
} RtLimiterKey;

typedef struct RtLimit
{
	int			points;			/* in a window */
	int64		window_ms;
	int64		block_ms;		/* who has exceeded it is refused for so long; 0 =
								 * to the end of the window */
} RtLimit;

typedef struct RtConsumed
{
	bool		allowed;
	int			remaining;
	int64		reset_ms;		/* until the window ends, or the ban */
} RtConsumed;

extern Size rt_limiters_size(void);
extern void rt_limiters_init(void);

/* How many keys are counted, of all limiters, and how many can be. */
extern int64 rt_limiter_keys(void);
extern int64 rt_limiter_keys_max(void);

extern RtLimiterKey rt_limiter_key(const char *limiter, const char *key);

/* Takes cost points, or none.  Without room for another key it is not allowed. */
extern RtConsumed rt_limiter_consume(RtLimiterKey key, const RtLimit *limit, int cost);

/* Returns false if there is no room to remember it. */
extern bool rt_limiter_ban(RtLimiterKey key, int64 ms);

/* Both return whether there was something to forget. */
extern bool rt_limiter_unban(RtLimiterKey key);
extern bool rt_limiter_reset(RtLimiterKey key);

/* Forgets all keys of a limiter; returns how many there were. */
extern int64 rt_limiter_clear(uint64 limiter);

#endif							/* RT_IPC_LIMITER_H */

/*
 * breaker.h
 *		Circuit breakers: what has failed again and again is not tried for a
 *		while.
 *
 * A breaker is known by its name, and used by any number of paths.  It is
 * healthy until so many calls in a row have failed, then broken for some time,
 * and then lets one call through as a probe: if that succeeds it is healthy
 * again, else broken for as long once more.  A probe of which nothing is heard
 * is given up after the same time.
 */
#ifndef RT_IPC_BREAKER_H
#define RT_IPC_BREAKER_H

#include "src/compat.h"

#define RT_BREAKERS_MAX 128		/* names that have failed of late */

typedef enum RtBreakerState
{
	RT_BREAKER_HEALTHY,
	RT_BREAKER_BROKEN,
	RT_BREAKER_PROBING
} RtBreakerState;

/* What a call may do. */
typedef enum RtBreakerTurn
{
	RT_TURN_NONE,				/* it has no breaker, or is done with it */
	RT_TURN_PASSES,
	RT_TURN_PROBES,
	RT_TURN_REFUSED
} RtBreakerTurn;

typedef struct RtBreaker
{
	char		name[NAMEDATALEN];
	uint32		hash;			/* of the name */
	RtBreakerState state;
	int			failures;		/* in a row */
	int64		until_ms;		/* of rt_clock_ms(): end of the state */
	uint64		trips;			/* times that it broke */
} RtBreaker;

extern Size rt_breakers_size(void);
extern void rt_breakers_init(void);

/* Before a call: may it be tried? */
extern RtBreakerTurn rt_breaker_ask(const char *name, int64 reset_ms);

/* After it; for a turn that is not refused. */
extern void rt_breaker_tell(const char *name, RtBreakerTurn turn, bool failed,
							int threshold, int64 reset_ms);

/* Instead, if it was not tried after all. */
extern void rt_breaker_give_back(const char *name, RtBreakerTurn turn);

/* Nobody uses it any more. */
extern void rt_breaker_forget(const char *name);

/* A copy of number i; returns false if there are fewer. */
extern bool rt_breaker_read(int i, RtBreaker *breaker);

/* How many have failed of late, of how many that there is room for. */
extern int64 rt_breakers_used(void);
extern int64 rt_breakers_max(void);

/* Counts changes between healthy and not; and whether any is not healthy. */
extern uint32 rt_breakers_version(void);
extern bool rt_breakers_any_broken(void);

#endif							/* RT_IPC_BREAKER_H */

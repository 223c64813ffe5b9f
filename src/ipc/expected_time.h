/*
 * expected_time.h
 *		How long requests are expected to take: what they took before.
 *
 * Executors note it and owners of requests look it up, by a key each: the hash
 * of a path, or the kind of a request that has none.
 */
#ifndef RT_IPC_EXPECTED_TIME_H
#define RT_IPC_EXPECTED_TIME_H

#include "src/compat.h"

#define RT_EXPECTED_UNKNOWN 0
#define RT_EXPECTED_SHORT_US 10000	/* known to be short: up to this */

extern Size rt_expected_times_size(void);
extern void rt_expected_times_init(void);

/* Microseconds, or RT_EXPECTED_UNKNOWN. */
extern uint32 rt_expected_us(uint32 key);

/* One has taken so long. */
extern void rt_expected_note(uint32 key, double us);

#endif							/* RT_IPC_EXPECTED_TIME_H */

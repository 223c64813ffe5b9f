/*
 * rate.h
 *		How often who has called what of late: limits of calls.
 *
 * One table for all executors.  Who calls is a digest, so nobody's name is kept.
 * The numbers of a path are shown by realtime.stat_rate_limit.
 */
#ifndef RT_IPC_RATE_H
#define RT_IPC_RATE_H

#include "src/compat.h"

#define RT_RATE_PATH_MAX 255	/* bytes */

typedef enum RtRateVerdict
{
	RT_RATE_PASSES,				/* and is counted */
	RT_RATE_EXCEEDED,
	RT_RATE_CROWDED				/* too many others are counted */
} RtRateVerdict;

/* What is counted of one path. */
typedef struct RtRatePath
{
	uint64		digest;			/* hash key */
	char		name[RT_RATE_PATH_MAX + 1];
	uint32		identities;
	uint64		passed;
	uint64		refused;
} RtRatePath;

extern Size rt_rates_size(void);
extern void rt_rates_init(void);

/*
 * Whether somebody may call a path, limit times in any window.  If not,
 * retry_after_ms says when it is worth trying.
 */
extern RtRateVerdict rt_rate_take(const char *path, uint64 identity, int limit,
								  int window_ms, int *retry_after_ms);

/* A digest that nobody outside can foresee. */
extern uint64 rt_rate_digest(const void *data, Size len, uint64 salt);

/*
 * How much is counted: who calls what, paths, and who calls the path that most
 * call; and how much of these there is room for.
 */
extern int64 rt_rate_windows(void);
extern int64 rt_rate_windows_max(void);
extern int64 rt_rate_paths_used(void);
extern int64 rt_rate_paths_max(void);
extern int64 rt_rate_most_identities(void);

/* Copies of all paths, in the current memory context.  Returns how many. */
extern int	rt_rate_paths(RtRatePath **paths);

#endif							/* RT_IPC_RATE_H */

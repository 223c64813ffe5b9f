/*
 * waiting.h
 *		How many jobs of queues wait, and how many events that aggregates and effects
 *		are still to take, for metrics.
 *
 * They lie in tables, which gateways do not see: the scheduler counts them now and
 * then, as long as somebody reads metrics.
 */
#ifndef RT_IPC_WAITING_H
#define RT_IPC_WAITING_H

#include "src/compat.h"

#include "utils/timestamp.h"

#define RT_WAITING_NAME_MAX 255	/* bytes */
#define RT_WAITING_MAX 256		/* queues and paths; others are not counted */
#define RT_WAITING_COUNT_MAX 10000	/* there may be more */

typedef enum RtWaitingKind
{
	RT_WAITING_JOBS,			/* of a queue */
	RT_WAITING_EVENTS			/* of an aggregate or effect */
} RtWaitingKind;

typedef struct RtWaiting
{
	RtWaitingKind kind;
	char		name[RT_WAITING_NAME_MAX + 1];
	bool		is_known;		/* otherwise there was no time to count */
	int64		count;			/* that may be run, or taken, now */
	int64		dead;			/* jobs whose last attempt has failed */
	TimestampTz oldest;			/* of the first of them; 0 = none */
} RtWaiting;

extern Size rt_waiting_size(void);
extern void rt_waiting_init(void);

/*
 * Copies of what was counted last, at most RT_WAITING_MAX, palloc'd; returns how
 * many.  That somebody has asked is noted: soon there will be others.
 */
extern int	rt_waiting_read(RtWaiting **copies);

/* For the scheduler: whether somebody has asked of late; and what it has counted. */
extern bool rt_waiting_is_wanted(void);
extern void rt_waiting_tell(const RtWaiting *counted, int count);

#endif							/* RT_IPC_WAITING_H */

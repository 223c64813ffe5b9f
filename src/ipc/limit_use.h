/*
 * limit_use.h
 *		How much there is now of what is bounded, and how much there may be.
 *
 * Read from where it is kept, by who asks; of what each gateway or executor has,
 * the most that one has.
 */
#ifndef RT_IPC_LIMIT_USE_H
#define RT_IPC_LIMIT_USE_H

#include "src/ipc/limit.h"

/* -1 = there is no such number: of a time, for example, or of what each client has. */
typedef struct RtLimitUse
{
	int64		current;
	int64		peak;			/* since the server's start */
	int64		maximum;		/* bytes of what is memory */
} RtLimitUse;

extern RtLimitUse rt_limit_use(RtLimitKind limit);

#endif							/* RT_IPC_LIMIT_USE_H */

/*
 * commit.h
 *		How calls commit: without a flush of their own, if they may.
 */
#ifndef RT_EXECUTOR_COMMIT_H
#define RT_EXECUTOR_COMMIT_H

#include "src/compat.h"

#include "access/xlogdefs.h"

/* What an answer has to wait for. */
typedef struct RtDurability
{
	XLogRecPtr	lsn;			/* to be flushed up to here; 0 = nothing */
	int			level;			/* SYNCHRONOUS_COMMIT_* asked for */
} RtDurability;

extern void rt_commit_init(void);

/*
 * After each transaction, however it ended: puts synchronous_commit back and
 * adds what it left to be flushed to durability.
 */
extern void rt_commit_end(RtDurability *durability);

/* Whether it takes more than a flush. */
extern bool rt_durability_needs_standbys(const RtDurability *durability);

/* Waits for it.  Returns whether there was anything to flush. */
extern bool rt_durability_wait(RtDurability *durability);

#endif							/* RT_EXECUTOR_COMMIT_H */

/*
 * commit.h
 *		How calls commit, without a flush of their own, and what their answers
 *		wait for.
 */
#ifndef RT_EXECUTOR_COMMIT_H
#define RT_EXECUTOR_COMMIT_H

#include "src/ipc/durability.h"

extern void rt_commit_init(void);

/*
 * The transaction that has begun flushes the log at its commit, before others can
 * see what it did, as if there were no pipelined commits.  That is forgotten with it.
 */
extern void rt_commit_flushes(bool itself);

/*
 * After each transaction, however it ended: puts synchronous_commit back.
 * Returns what must be durable before its client is told.
 */
extern RtDurability rt_commit_end(void);

#endif							/* RT_EXECUTOR_COMMIT_H */

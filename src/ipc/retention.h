/*
 * retention.h
 *		Hints for the scheduler: topics that may keep more events than they
 *		should.
 *
 * A small table in shared memory.  Any backend puts a topic in at its commit,
 * the scheduler takes it out; a topic that is there already is not put in
 * again.  A hint that finds no room is lost, which is harmless: the scheduler
 * looks at all topics now and then (realtime.cleanup_interval).
 */
#ifndef RT_IPC_RETENTION_H
#define RT_IPC_RETENTION_H

#include "src/compat.h"

#define RT_RETENTION_TOPIC_MAX 256	/* bytes of a topic, as RT_TOPIC_MAX */

extern Size rt_retention_size(void);
extern void rt_retention_init(void);

/*
 * Says that a topic has grown, and wakes the scheduler.  Never fails, waits or
 * allocates: for XACT_EVENT_COMMIT.
 */
extern void rt_retention_hint(const char *topic, Size len);

/*
 * For the scheduler alone: takes a hint out and copies the topic, terminated,
 * to a buffer of RT_RETENTION_TOPIC_MAX + 1 bytes.  Returns false if there is
 * none.  What was committed before the hint can be seen afterwards.
 */
extern bool rt_retention_take(char *topic);
extern bool rt_retention_pending(void);

#endif							/* RT_IPC_RETENTION_H */

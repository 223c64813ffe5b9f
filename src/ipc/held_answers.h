/*
 * held_answers.h
 *		Answers that an executor holds back until their commits are flushed.
 *
 * At most RT_HELD_MAX for each executor.  If it gets stuck in its next call (a
 * lock, a slow query) it raises the alarm from its timer, which sets the
 * launcher's latch, and the launcher flushes and answers in its place.  A
 * request that must wait for standbys keeps the list from being rescued.
 */
#ifndef RT_IPC_HELD_ANSWERS_H
#define RT_IPC_HELD_ANSWERS_H

#include "src/compat.h"

#include "access/xlogdefs.h"

#include "src/ipc/request.h"

#define RT_HELD_MAX 64

extern Size rt_held_size(void);
extern void rt_held_init(void);

/*
 * add and take are the executor's, alarm may be called in a signal handler,
 * rescue is the launcher's: it returns how many requests it has taken over
 * and up to where the log must be flushed before they are answered.
 */
extern void rt_held_add(int executor, RtRequest *request, XLogRecPtr lsn,
						bool rescuable);
extern int	rt_held_take(int executor, RtRequest **out);
extern void rt_held_alarm(int executor);
extern int	rt_held_rescue(int executor, RtRequest **out, XLogRecPtr *lsn);

#endif							/* RT_IPC_HELD_ANSWERS_H */

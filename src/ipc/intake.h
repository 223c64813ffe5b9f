/*
 * intake.h
 *		Marks for the scheduler: who has events to take.
 *
 * By the hash of their paths, so somebody may be marked for another's events,
 * which is harmless.  What is lost in a crash is made good by looking at all.
 */
#ifndef RT_IPC_INTAKE_H
#define RT_IPC_INTAKE_H

#include "src/compat.h"

#define RT_INTAKE_MARKS 1024

extern Size rt_intake_size(void);
extern void rt_intake_init(void);

/* That of a path. */
extern int	rt_intake_mark(const char *path);

/* Sets it and wakes the scheduler.  Never fails, waits or allocates. */
extern void rt_intake_set(int mark);

/* For the scheduler alone: whether it is set, and taking it away. */
extern bool rt_intake_is_set(int mark);
extern void rt_intake_clear(int mark);

#endif							/* RT_IPC_INTAKE_H */

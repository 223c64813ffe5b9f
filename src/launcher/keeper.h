/*
 * keeper.h
 *		Keeps the workers alive that are not the postmaster's: the executors and
 *		the scheduler.
 */
#ifndef RT_LAUNCHER_KEEPER_H
#define RT_LAUNCHER_KEEPER_H

#include "src/compat.h"

/* Once per launcher. */
extern void rt_keeper_init(void);

/*
 * Starts what is not running and may be started again.  Returns how long to
 * sleep at most, in ms.
 */
extern long rt_keeper_start_workers(void);

/*
 * Starts one executor more, unless there are as many as may be, one is on its
 * way already, or the last one did not live long.
 */
extern void rt_keeper_add_executor(void);

/* No more are needed than there are. */
extern void rt_keeper_has_enough(void);

/*
 * Who had to leave because the database or the role is going away has not
 * failed, and is started again at once when it is back.
 */
extern void rt_keeper_forget_failures(void);

#endif							/* RT_LAUNCHER_KEEPER_H */

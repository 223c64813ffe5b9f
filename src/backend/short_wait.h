/*
 * short_wait.h
 *		Waiting for locks on tables, but not for long: whoever waits for a lock
 *		on a table keeps others waiting behind him.
 */
#ifndef RT_BACKEND_SHORT_WAIT_H
#define RT_BACKEND_SHORT_WAIT_H

#include "src/compat.h"

/* From here to the end, or an ERROR, no wait for a lock is longer than 5 s. */
extern int	rt_short_waits_begin(void);
extern void rt_short_waits_end(int guc_level);

#endif							/* RT_BACKEND_SHORT_WAIT_H */

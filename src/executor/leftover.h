/*
 * leftover.h
 *		What a call leaves in its process that nobody can take out again.
 */
#ifndef RT_EXECUTOR_LEFTOVER_H
#define RT_EXECUTOR_LEFTOVER_H

#include "src/compat.h"

/* Once per executor. */
extern void rt_leftover_init(void);

/* Whether something may have been left since the process began. */
extern bool rt_leftover_found(void);

#endif							/* RT_EXECUTOR_LEFTOVER_H */

/*
 * context.h
 *		What guards have learnt and want to pass on: realtime.set_context().
 *
 * It lasts as long as what a client has asked, which may take two transactions,
 * and what is set goes with the (sub)transaction that is rolled back.
 */
#ifndef RT_EXECUTOR_CONTEXT_H
#define RT_EXECUTOR_CONTEXT_H

#include "src/compat.h"

/* Once per process. */
extern void rt_context_init(void);

/* Forgets all of it.  Cheap if there is nothing. */
extern void rt_context_clear(void);

#endif							/* RT_EXECUTOR_CONTEXT_H */

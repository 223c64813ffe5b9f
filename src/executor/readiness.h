/*
 * readiness.h
 *		Whether this executor can run calls, and telling everybody.
 */
#ifndef RT_EXECUTOR_READINESS_H
#define RT_EXECUTOR_READINESS_H

#include "src/compat.h"

/*
 * Looks, outside of a transaction, and tells if something is new.  Returns whether
 * the process must not be used again.
 */
extern bool rt_readiness_look(void);

/* As it was when we looked last, and whether that may have changed. */
extern bool rt_is_ready(void);
extern bool rt_readiness_may_differ(void);

#endif							/* RT_EXECUTOR_READINESS_H */

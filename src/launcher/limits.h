/*
 * limits.h
 *		Tells the log which limits have acted.
 */
#ifndef RT_LAUNCHER_LIMITS_H
#define RT_LAUNCHER_LIMITS_H

#include "src/compat.h"

/* Those of which it is time to. */
extern void rt_limits_tell(void);

#endif							/* RT_LAUNCHER_LIMITS_H */

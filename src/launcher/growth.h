/*
 * growth.h
 *		Has executors started when there are too few for what waits.
 */
#ifndef RT_LAUNCHER_GROWTH_H
#define RT_LAUNCHER_GROWTH_H

#include "src/compat.h"

/*
 * Looks at the queue when it is time to.  Returns how long to sleep at most, in
 * ms.
 */
extern long rt_growth_look(void);

#endif							/* RT_LAUNCHER_GROWTH_H */

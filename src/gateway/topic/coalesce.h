/*
 * coalesce.h
 *		Events that come fast are looked for, not announced one by one.
 */
#ifndef RT_GATEWAY_TOPIC_COALESCE_H
#define RT_GATEWAY_TOPIC_COALESCE_H

#include "src/compat.h"

#define RT_COALESCE_MS 1		/* between two looks */

/*
 * Whether so many events came of late that committing backends should not
 * wake us for each: we look at the ring every RT_COALESCE_MS instead.
 * To be asked once a turn.
 */
extern bool rt_coalesce_wanted(void);

#endif							/* RT_GATEWAY_TOPIC_COALESCE_H */

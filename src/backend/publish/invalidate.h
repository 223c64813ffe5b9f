/*
 * invalidate.h
 *		Has values of streams loaded anew.
 */
#ifndef RT_BACKEND_PUBLISH_INVALIDATE_H
#define RT_BACKEND_PUBLISH_INVALIDATE_H

#include "src/backend/publish/publish.h"

/*
 * Streams that depend on a topic, or on that of an event, and all that depend on
 * any.  Declarations must be up to date; only if some do, see
 * rt_declarations_invalidated().
 */
extern void rt_invalidate_by_topic(const char *topic, Size len);
extern void rt_invalidate_by_event(const RtEvent *event);
extern void rt_invalidate_all(void);

/* The most that these add to the pending events; an event's is its topic's. */
extern Size rt_invalidate_room(const char *topic, Size len);
extern Size rt_invalidate_room_all(void);

#endif							/* RT_BACKEND_PUBLISH_INVALIDATE_H */

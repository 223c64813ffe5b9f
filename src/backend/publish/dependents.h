/*
 * dependents.h
 *		Streams whose values depend on topics of others (invalidate_on).
 *
 * Declarations must be up to date.
 */
#ifndef RT_BACKEND_PUBLISH_DEPENDENTS_H
#define RT_BACKEND_PUBLISH_DEPENDENTS_H

#include "src/backend/publish/publish.h"
#include "src/catalog/declaration.h"

/* pattern: of its topics that are concerned; len 0 = all of them. */
typedef void (*RtDependentFunction) (const RtStreamDeclaration *stream, const char *pattern,
									 Size len);

/*
 * Calls the function for each stream that depends on a topic, on the topic of
 * an event, or on any.  Worth it only if there are some, see
 * rt_declarations_invalidated().
 */
extern void rt_dependents_of_topic(const char *topic, Size len,
								   RtDependentFunction function);
extern void rt_dependents_of_event(const RtEvent *event,
								   RtDependentFunction function);
extern void rt_dependents_of_any(RtDependentFunction function);

/* Bytes of the entries that have those of a topic loaded anew, or all of them. */
extern Size rt_dependents_room(const char *topic, Size len);
extern Size rt_dependents_room_all(void);

#endif							/* RT_BACKEND_PUBLISH_DEPENDENTS_H */

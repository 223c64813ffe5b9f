/*
 * coalesce_key.h
 *		By what events of a topic take one another's place for who is slow.
 */
#ifndef RT_BACKEND_PUBLISH_COALESCE_KEY_H
#define RT_BACKEND_PUBLISH_COALESCE_KEY_H

#include "src/backend/publish/publish.h"

typedef enum RtKeyFunction
{
	RT_KEY_FUNCTION_RAISES,		/* a function's error is the caller's */
	RT_KEY_FUNCTION_TRIED,		/* it is caught: the event has no key then */
	RT_KEY_FUNCTION_LEFT		/* none is run: the event has no key then */
} RtKeyFunction;

/*
 * Fills in the key of an event whose declaration and data are.  It is the member
 * of the data that coalesce_by of the topic's streams names, as JSON, or what
 * the function of that name returns.  No key: the topic has no coalesce_by, the
 * data no such member, or it is too long.  Valid as long as the data, or to the
 * transaction's end.
 */
extern void rt_coalesce_key(RtEvent *event, RtKeyFunction function);

#endif							/* RT_BACKEND_PUBLISH_COALESCE_KEY_H */

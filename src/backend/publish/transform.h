/*
 * transform.h
 *		What subscribers get instead of the data that was published: the pipe and
 *		the transform of the streams that have the topic.
 */
#ifndef RT_BACKEND_PUBLISH_TRANSFORM_H
#define RT_BACKEND_PUBLISH_TRANSFORM_H

#include "src/compat.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "src/backend/publish/publish.h"

/* Whether there is one for an event whose topic has been resolved. */
extern bool rt_transform_applies(const RtEvent *event);

/* Whether rows are not shown as they are, so one that is gone tells its key alone. */
extern bool rt_transform_hides(const RtEvent *event);

/*
 * Whether a row that changes may come or go for clients because of that: what
 * tells of the new version is "created", which replaces a row that they have.
 */
extern bool rt_transform_filters(const RtEvent *event);

/*
 * The data that is sent, in the current context; NULL = the event is left out.
 * The event may get another name.  Runs as the current user, like a trigger's
 * function, and raises what the function raises.
 */
extern Jsonb *rt_transform_run(RtEvent *event, Jsonb *data);

/*
 * The same with JSON text, for those who must not fail: an ERROR is rolled
 * back and becomes a WARNING, once a session.
 */
typedef enum RtTransformed
{
	RT_TRANSFORMED,				/* the text is what is sent */
	RT_TRANSFORM_LEFT_OUT,
	RT_TRANSFORM_FAILED
} RtTransformed;

extern RtTransformed rt_transform_text(RtEvent *event, StringInfo data);

#endif							/* RT_BACKEND_PUBLISH_TRANSFORM_H */

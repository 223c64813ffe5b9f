/*
 * publish.h
 *		Events that transactions publish.
 */
#ifndef RT_BACKEND_PUBLISH_H
#define RT_BACKEND_PUBLISH_H

#include "src/ipc/publish_ring.h"

/* Registers the transaction callbacks; once, from rt_backend_install(). */
extern void rt_publish_install(void);

/* An event whose topic, event name and data have passed their checks. */
typedef struct RtEvent
{
	const char *topic;
	Size		topic_len;
	const char *event;			/* UTF-8 */
	Size		event_len;
	const char *data;			/* JSON in UTF-8 */
	Size		data_len;
	RtTopicClass topic_class;
} RtEvent;

/* Adds an event to what this transaction will publish. */
extern void rt_pending_add(const RtEvent *event);

#endif							/* RT_BACKEND_PUBLISH_H */

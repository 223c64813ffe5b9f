/*
 * job_event.h
 *		What is told of a job, on its topic and to who asks.
 */
#ifndef RT_CATALOG_JOB_EVENT_H
#define RT_CATALOG_JOB_EVENT_H

#include "src/compat.h"

#include "utils/jsonb.h"

typedef struct RtJobEvent
{
	int64		id;
	const char *queue;
	const char *state;
	int			attempts;
	const char *progress;		/* JSON; NULL = none, as the next */
	Jsonb	   *result;
	const char *code;
} RtJobEvent;

/* As JSON, in the current context. */
extern char *rt_job_event_json(const RtJobEvent *event);

/* The topic of a job, for a queue that has one. */
extern char *rt_job_topic(const char *topic, int64 id);

#define RT_JOB_EVENT "set"		/* its name */

#endif							/* RT_CATALOG_JOB_EVENT_H */

/*
 * tell.h
 *		Tells on its topic what becomes of a job.
 */
#ifndef RT_BACKEND_JOB_TELL_H
#define RT_BACKEND_JOB_TELL_H

#include "src/catalog/declaration.h"
#include "src/catalog/job_event.h"

/*
 * Part of the transaction; nothing if the queue, which may be NULL, has no topic.
 * A result that is too long for an event is left out of it.
 */
extern void rt_job_tell(const RtJobQueue *queue, const RtJobEvent *event);

#endif							/* RT_BACKEND_JOB_TELL_H */

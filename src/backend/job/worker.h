/*
 * worker.h
 *		What sessions do with jobs.
 */
#ifndef RT_BACKEND_JOB_WORKER_H
#define RT_BACKEND_JOB_WORKER_H

#include "src/catalog/declaration.h"
#include "src/catalog/job_store.h"

/*
 * The queue of a job, for who is its owner or a member of it; an ERROR for others.
 * A queue that is not declared any more is the administrator's: NULL.
 */
extern const RtJobQueue *rt_job_queue_of_owner(const char *name);
extern bool rt_job_user_owns(const char *queue);

/* Ends a job that is locked, and tells who wants to know. */
extern void rt_job_end_locked(const RtJob *job, const RtJobQueue *queue, RtJobEnd *end);

/* Progress as text; an ERROR if it is too long. */
extern char *rt_job_progress_text(Jsonb *progress);

#endif							/* RT_BACKEND_JOB_WORKER_H */

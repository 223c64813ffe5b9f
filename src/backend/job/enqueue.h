/*
 * enqueue.h
 *		Jobs that transactions enqueue.
 */
#ifndef RT_BACKEND_JOB_ENQUEUE_H
#define RT_BACKEND_JOB_ENQUEUE_H

#include "src/catalog/declaration.h"
#include "src/catalog/job_store.h"

/*
 * Puts a job into its queue, which exists, and has it looked at once this
 * commits.  Returns its id, or that of the one that is there with its unique key.
 * Asks nobody whether the user may.
 */
extern int64 rt_job_enqueue(RtJobNew *job);

/*
 * The queue, if the user may enqueue for it: an ERROR if it is not declared or he
 * may not execute its handler.
 */
extern const RtJobQueue *rt_job_queue_for_user(const char *name);

/* An ERROR for infinity: nobody would ever look at such a job. */
extern void rt_job_check_time(const char *name, TimestampTz at);

/* Whoever runs calls says for which user, and for which request; NULL = none. */
typedef char *(*RtJobCaller) (void);
extern void rt_job_set_caller(RtJobCaller user, RtJobCaller request);
extern char *rt_job_user(void);
extern char *rt_job_request(void);

#endif							/* RT_BACKEND_JOB_ENQUEUE_H */

/*
 * job_run.h
 *		Runs one job of a queue.
 */
#ifndef RT_EXECUTOR_REQUEST_JOB_RUN_H
#define RT_EXECUTOR_REQUEST_JOB_RUN_H

#include "src/catalog/job_store.h"
#include "src/executor/work.h"

/* What is to be run, for whom. */
typedef struct RtJobRun
{
	RtRequest  *request;
	const char *queue;
	const char *activity;		/* for logs and pg_stat_activity */
	Oid			owner;
	const RtSession *session;	/* names the owner as its role */
	int			executor;
	uint32		time_key;		/* of the time that such a job is expected to take */
} RtJobRun;

typedef enum RtJobOutcome
{
	RT_JOB_TRIED,				/* or it is gone */
	RT_JOB_MISSED,				/* another has it, perhaps only for a moment */
	RT_JOB_NOT_NEXT,			/* it is not the next of its key, or another has that */
	RT_JOB_STALE				/* the queue is another one by now: it is left */
} RtJobOutcome;

/*
 * Runs it, and notes how it has ended.  Adds what has become of it to the result.
 */
extern RtJobOutcome rt_job_run(const RtJobRun *run, const RtJobFound *found,
							   RtWorkResult *result);

#endif							/* RT_EXECUTOR_REQUEST_JOB_RUN_H */

/*
 * job_bury.h
 *		Makes jobs dead that are lost, and tells of them.
 */
#ifndef RT_EXECUTOR_REQUEST_JOB_BURY_H
#define RT_EXECUTOR_REQUEST_JOB_BURY_H

#include "src/executor/work.h"

/* Answers the request, too. */
extern RtWorkResult rt_jobs_bury(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_JOB_BURY_H */

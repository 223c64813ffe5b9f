/*
 * jobs.h
 *		Works for a queue.
 */
#ifndef RT_EXECUTOR_REQUEST_JOBS_H
#define RT_EXECUTOR_REQUEST_JOBS_H

#include "src/executor/work.h"

extern RtWorkResult rt_jobs_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_JOBS_H */

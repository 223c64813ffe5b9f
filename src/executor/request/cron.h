/*
 * cron.h
 *		Runs a job of realtime.cron() for one of its times.
 */
#ifndef RT_EXECUTOR_REQUEST_CRON_H
#define RT_EXECUTOR_REQUEST_CRON_H

#include "src/executor/work.h"

extern RtWorkResult rt_cron_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_CRON_H */

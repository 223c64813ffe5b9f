/*
 * publish.h
 *		Publishes what the scheduler has kept until its time came.
 */
#ifndef RT_EXECUTOR_REQUEST_PUBLISH_H
#define RT_EXECUTOR_REQUEST_PUBLISH_H

#include "src/compat.h"

#include "src/executor/work.h"

extern RtWorkResult rt_publish_request_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_PUBLISH_H */

/*
 * access.h
 *		Decides which topics a connection may subscribe to.
 */
#ifndef RT_EXECUTOR_ACCESS_H
#define RT_EXECUTOR_ACCESS_H

#include "src/compat.h"

#include "src/executor/work.h"
#include "src/ipc/request.h"

/*
 * Decides about all topics of a request and puts the verdicts into it.
 * Allocates in the current context.
 */
extern RtWorkResult rt_access_run(RtRequest *request);

#endif							/* RT_EXECUTOR_ACCESS_H */

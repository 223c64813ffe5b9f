/*
 * call.h
 *		Runs one call of a declared function.
 */
#ifndef RT_EXECUTOR_REQUEST_CALL_H
#define RT_EXECUTOR_REQUEST_CALL_H

#include "src/compat.h"

#include "src/executor/work.h"
#include "src/ipc/request.h"

/*
 * Runs it and puts the answer into the request.  Allocates in the current
 * context.  Returns what became of it.
 */
extern RtWorkResult rt_call_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_CALL_H */

/*
 * stream.h
 *		Lets clients follow streams.
 */
#ifndef RT_EXECUTOR_REQUEST_STREAM_H
#define RT_EXECUTOR_REQUEST_STREAM_H

#include "src/compat.h"

#include "src/executor/work.h"
#include "src/ipc/request.h"

/*
 * Answers a request of kind STREAM, or one of kind CALL whose path is a
 * stream's.  Allocates in the current context.
 */
extern RtWorkResult rt_stream_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_STREAM_H */

/*
 * path.h
 *		Runs what a client asks for by a path.
 */
#ifndef RT_EXECUTOR_REQUEST_PATH_H
#define RT_EXECUTOR_REQUEST_PATH_H

#include "src/compat.h"

#include "src/executor/work.h"
#include "src/ipc/request.h"

/*
 * Runs the call, or answers with the stream, that is declared under the path of
 * a request of kind CALL, STREAM or RELOAD, which was taken at a time.  Allocates
 * in the current context.
 */
extern RtWorkResult rt_path_run(RtRequest *request, instr_time began);

#endif							/* RT_EXECUTOR_REQUEST_PATH_H */

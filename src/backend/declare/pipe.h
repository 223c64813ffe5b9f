/*
 * pipe.h
 *		realtime.pipe(), for who declares a stream.
 */
#ifndef RT_BACKEND_DECLARE_PIPE_H
#define RT_BACKEND_DECLARE_PIPE_H

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/store.h"

/*
 * Whether the pipe that a path has already goes with a stream that is declared
 * there, and both with other streams of the topic.  signature has the parameters
 * of the stream.  Raises if not.
 */
extern void rt_pipe_check_kept(const RtStreamRow *row, const RtCheckedFunction *signature);

#endif							/* RT_BACKEND_DECLARE_PIPE_H */

/*
 * opening.h
 *		Runs the open and the close hook.
 */
#ifndef RT_EXECUTOR_REQUEST_OPENING_H
#define RT_EXECUTOR_REQUEST_OPENING_H

#include "src/executor/work.h"
#include "src/ipc/request.h"

/*
 * After a login by which a connection opens, answered with its session: what is
 * declared to come before anything else.  Says whether its end is to be told;
 * what went wrong is put into fault, code NULL = nothing.  The result is added
 * to that of the login.
 */
extern bool rt_open_run(RtRequest *request, RtFault *fault, RtWorkResult *result);

/* A connection that opened for a frame's token is somebody else now. */
extern void rt_open_note_change(RtRequest *request, RtWorkResult *result);

/* Requests of kind CLOSE. */
extern RtWorkResult rt_close_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_OPENING_H */

/*
 * message.h
 *		Runs the message hook, for frames that mean nothing to the server.
 */
#ifndef RT_EXECUTOR_REQUEST_MESSAGE_H
#define RT_EXECUTOR_REQUEST_MESSAGE_H

#include "src/executor/work.h"
#include "src/ipc/request.h"

/* Requests of kind MESSAGE. */
extern RtWorkResult rt_message_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_MESSAGE_H */

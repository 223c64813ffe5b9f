/*
 * dispatch.h
 *		From a client's message to what is done about it, and from an
 *		executor's answer back to the client.
 */
#ifndef RT_GATEWAY_DISPATCH_H
#define RT_GATEWAY_DISPATCH_H

#include "src/errcodes.h"
#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"
#include "src/protocol/envelope.h"

/* A RtMessageHandler. */
extern void rt_dispatch_message(RtConnection *connection, const char *text,
								uint32 len, bool binary);

/* Takes the executors' answers.  Returns whether there were any. */
extern bool rt_dispatch_answers(void);

/* Sends an error as the answer to a call; nothing if it has no id. */
extern void rt_send_failure(RtConnection *connection, const char *text, RtSpan id,
							RtCode code, const char *message);

#endif							/* RT_GATEWAY_DISPATCH_H */

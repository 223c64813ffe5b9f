/*
 * dispatch.h
 *		From a client's message to what is done about it, and from an
 *		executor's answer back to the client.
 */
#ifndef RT_GATEWAY_DISPATCH_H
#define RT_GATEWAY_DISPATCH_H

#include "src/errcodes.h"
#include "src/gateway/asker.h"
#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"
#include "src/protocol/envelope.h"

/* A RtMessageHandler. */
extern void rt_dispatch_message(RtConnection *connection, const char *text,
								uint32 len, bool binary);

/* Takes the executors' answers and passes on what may be told. */
extern void rt_dispatch_answers(void);

/* Answers all that waits to be asked and could be: the service is not there. */
extern void rt_dispatch_refuse_waiting(void);

/* Forgets answers for connections that are gone while they had to wait. */
extern void rt_dispatch_drop_orphans(void);

/*
 * Tells the answer to a call, or a stream, to whoever is meant.  Returns false if
 * it does not fit to that one; then nothing has happened.
 */
extern bool rt_tell_answer(RtConnection *connection, RtRequest *request,
						   const RtAsker *asker);

/* What is answered to a call at once, or RT_CODE_CUSTOM if it can be run. */
extern RtCode rt_dispatch_check_call(const RtCall *call, const char **message);

/* Sends an error as the answer to a call; nothing if it has no id. */
extern void rt_send_failure(RtConnection *connection, const char *text, RtSpan id,
							RtCode code, const char *message);

#endif							/* RT_GATEWAY_DISPATCH_H */

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

/*
 * A request slot addressed from a connection, with a reference to its
 * session; NULL if there is none free.
 */
extern RtRequest *rt_dispatch_begin(RtConnection *connection, RtRequestKind kind);

/* Gives back a request that was begun and is not to be asked. */
extern void rt_dispatch_cancel(RtRequest *request);

/* Whether a connection has as many requests in flight as it may. */
extern bool rt_dispatch_is_full(const RtConnection *connection);

/*
 * Says how many bytes of events the answer to a filled request may bring, so
 * that the answers of a connection cannot be more than it can take.
 */
extern void rt_dispatch_reserve(RtConnection *connection, RtRequest *request);

/* Whether an executor is there, or is expected. */
extern bool rt_service_takes_requests(void);

/* Queues a filled request; all of a turn are handed over at once. */
extern void rt_dispatch_request(RtConnection *connection, RtRequest *request);

/* Hands over what this turn has queued. */
extern void rt_dispatch_submit(void);

/* Takes the executors' answers.  Returns whether there were any. */
extern bool rt_dispatch_answers(void);

/* Sends an error as the answer to a call; nothing if it has no id. */
extern void rt_send_failure(RtConnection *connection, const char *text, RtSpan id,
							RtCode code, const char *message);

#endif							/* RT_GATEWAY_DISPATCH_H */

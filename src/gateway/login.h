/*
 * login.h
 *		Who is on a connection: asked of an executor when it opens and whenever
 *		its client says so, told when it is about to end.
 */
#ifndef RT_GATEWAY_LOGIN_H
#define RT_GATEWAY_LOGIN_H

#include "src/gateway/door/address.h"
#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"
#include "src/protocol/envelope.h"
#include "src/protocol/http.h"

/* Whether an executor would say anything but that nobody is known. */
extern bool rt_login_is_worth_asking(const RtHttpHead *head);

/*
 * A connection opens.  If its request may say who it is, what its client sends
 * waits until an executor has told.
 */
extern void rt_login_begin(RtConnection *connection, const RtHttpHead *head);

/* A frame "auth": likewise, and the client gets an answer. */
extern void rt_login_frame(RtConnection *connection, const char *text,
						   const RtEnvelope *envelope);

extern void rt_login_answer(RtConnection *connection, RtRequest *request);

/*
 * About once a second: announces that an identity will end, and closes the
 * connection when it has.  now is in seconds since 1970.
 */
extern void rt_login_sweep(RtConnection *connection, int64 now);

#endif							/* RT_GATEWAY_LOGIN_H */

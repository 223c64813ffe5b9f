/*
 * login_request.h
 *		What an authenticate hook is told of who wants to come in.
 */
#ifndef RT_EXECUTOR_REQUEST_LOGIN_REQUEST_H
#define RT_EXECUTOR_REQUEST_LOGIN_REQUEST_H

#include "src/compat.h"

#include "utils/jsonb.h"

#include "src/protocol/http.h"

typedef struct RtLoginRequest
{
	const RtHttpHead *head;		/* NULL: a token on a connection */
	RtText		remote_address;
	const char *request_id;
	RtText		body;			/* of POST */
	RtText		token;			/* len 0 = none */
	RtText		token_error;	/* why it is not good; NULL = it is, or nobody knows */
	Jsonb	   *claims;			/* NULL = nothing vouches for any */
} RtLoginRequest;

/*
 * As realtime.hook() tells users.  Bytes of headers that are not UTF-8 are taken
 * for ISO 8859-1; what is no text in a query is left out.
 */
extern Jsonb *rt_login_request_write(const RtLoginRequest *request);

/* The headers of a head alone, as they are told there. */
extern Jsonb *rt_headers_write(const RtHttpHead *head);

#endif							/* RT_EXECUTOR_REQUEST_LOGIN_REQUEST_H */

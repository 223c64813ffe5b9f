/*
 * http_token.h
 *		Where a request carries what says who sends it: the header
 *		Authorization, cookies, the query and, of a WebSocket, the list of
 *		subprotocols.
 */
#ifndef RT_PROTOCOL_HTTP_TOKEN_H
#define RT_PROTOCOL_HTTP_TOKEN_H

#include "src/protocol/http.h"

typedef enum RtHttpBearer
{
	RT_HTTP_BEARER_NONE,		/* no such header, or another scheme */
	RT_HTTP_BEARER_FOUND,
	RT_HTTP_BEARER_BAD			/* two headers, or what no token looks like */
} RtHttpBearer;

/* The token of "Authorization: Bearer" (RFC 6750, 2.1). */
extern RtHttpBearer rt_http_bearer(const RtHttpHead *head, RtText *token);

/*
 * How many cookies have a name, in any headers, and the value of the first,
 * without the quotes around it.  Pairs that are not written as they must be
 * (RFC 6265, 4.2.1) are none.
 */
extern int	rt_http_cookie(const RtHttpHead *head, const char *name,
						   RtText *value);

/*
 * Takes the next cookie off the value of a header; false at its end.  Such as
 * are not written as they must be are passed over.
 */
extern bool rt_http_cookie_next(RtText *rest, RtText *name, RtText *value);

/* What a subprotocol begins with that is a token ("token.<JWT>"). */
#define RT_HTTP_TOKEN_PROTOCOL "token."

/*
 * The token of a request, from the first place that has one: Authorization, the
 * cookie, "token" or "access_token" in the query, the subprotocols.  Writes it
 * into dst, not terminated.  Returns its length; 0 = there is none, -1 = it
 * cannot be read, or does not fit.
 */
extern int	rt_http_find_token(const RtHttpHead *head, const char *cookie,
							   char *dst, size_t cap);

#endif							/* RT_PROTOCOL_HTTP_TOKEN_H */

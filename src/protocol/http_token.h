/*
 * http_token.h
 *		Where a request carries what says who sends it: the header
 *		Authorization, and cookies.  (A query may, too: http_target.h.)
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

#endif							/* RT_PROTOCOL_HTTP_TOKEN_H */

/*
 * http_accept.h
 *		Which type of content a client would like: the header Accept (RFC 9110,
 *		12.5.1).
 */
#ifndef RT_PROTOCOL_HTTP_ACCEPT_H
#define RT_PROTOCOL_HTTP_ACCEPT_H

#include "src/protocol/http.h"

#define RT_HTTP_QUALITY_MAX 1000

/*
 * How much a client wants a type of a version, 0 to RT_HTTP_QUALITY_MAX, by the
 * first header Accept; without one it takes anything.  named says whether it asks
 * for this type by its name.  Types are given in lower case.
 */
extern int	rt_http_quality(const RtHttpHead *head, const char *type,
							const char *version, bool *named);

#endif							/* RT_PROTOCOL_HTTP_ACCEPT_H */

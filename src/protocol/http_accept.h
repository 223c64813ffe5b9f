/*
 * http_accept.h
 *		Which type of content a client would like, and in which coding: the headers
 *		Accept and Accept-Encoding (RFC 9110, 12.5.1 and 12.5.3).
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

/*
 * Whether a client takes content in a coding, given in lower case, such as "gzip".
 * Who says nothing takes it as it is.
 */
extern bool rt_http_takes_coding(const RtHttpHead *head, const char *coding);

#endif							/* RT_PROTOCOL_HTTP_ACCEPT_H */

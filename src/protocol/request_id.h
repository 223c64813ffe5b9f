/*
 * request_id.h
 *		The name that somebody in front of us has given to a request: the header
 *		X-Request-ID.
 */
#ifndef RT_PROTOCOL_REQUEST_ID_H
#define RT_PROTOCOL_REQUEST_ID_H

#include "src/protocol/http.h"

#define RT_REQUEST_ID_MAX 128	/* bytes */

/*
 * The id of a request.  False if there is none, there are several, or it is not
 * what can stand in a line of a log: letters, digits and other visible
 * characters of ASCII, and not too many.
 */
extern bool rt_request_id_read(const RtHttpHead *head, RtText *id);

#endif							/* RT_PROTOCOL_REQUEST_ID_H */

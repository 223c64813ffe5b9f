/*
 * preflight.h
 *		POST on realtime.auth_path: who somebody is, asked over HTTP before a
 *		WebSocket is opened, because only such an answer can set cookies.
 */
#ifndef RT_GATEWAY_PREFLIGHT_H
#define RT_GATEWAY_PREFLIGHT_H

#include "src/gateway/door/http.h"

#define RT_LOGIN_BODY_MAX (64 * 1024)	/* bytes that a hook may look at */

/*
 * Answers POST with 204 if the WebSocket may be opened, with 401, 403 or 429 if
 * not, 503 if nobody can say; and OPTIONS, with which browsers ask whether a
 * page may ask at all (the Fetch standard, "CORS-preflight request").
 */
extern void rt_preflight(RtHttp *http, const char *path);

#endif							/* RT_GATEWAY_PREFLIGHT_H */

/*
 * set_cookie.h
 *		realtime.set_cookie(): cookies that go with an answer over HTTP.
 */
#ifndef RT_EXECUTOR_REQUEST_SET_COOKIE_H
#define RT_EXECUTOR_REQUEST_SET_COOKIE_H

#include "src/compat.h"

#include "src/protocol/text.h"

/* None is set so far; whether there is an answer that can carry some. */
extern void rt_set_cookies_begin(bool wanted);
extern void rt_set_cookies_end(void);

/*
 * Headers "Set-Cookie", each with its end, RT_LOGIN_HEADERS_MAX bytes at most;
 * valid until the next begin.
 */
extern RtText rt_set_cookies(void);

#endif							/* RT_EXECUTOR_REQUEST_SET_COOKIE_H */

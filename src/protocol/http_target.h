/*
 * http_target.h
 *		What a request asks for: its path, and single values of its query and
 *		its cookies.
 */
#ifndef RT_PROTOCOL_HTTP_TARGET_H
#define RT_PROTOCOL_HTTP_TARGET_H

#include "src/protocol/http.h"

/*
 * The path without escapes, "." and "..", each '/' once, terminated.  Returns
 * its length, or -1 if it is none of ours: it does not fit, climbs out of the
 * root, or an escape stands for '/' or a zero byte.
 */
extern int	rt_http_path(const RtHttpHead *head, char *dst, size_t cap);

#endif							/* RT_PROTOCOL_HTTP_TARGET_H */

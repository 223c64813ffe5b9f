/*
 * http_target.h
 *		What a request asks for: its path, and single values of its query.
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

/*
 * The value of a name in the query, which is read as forms write it: pairs with
 * '&' between them, '+' for a blank, escapes.  Returns how many pairs have the
 * name, and writes the value of the first; -1 if that does not fit, or is no
 * text: it has a zero byte, an escape that is none, or is not UTF-8.
 */
extern int	rt_http_query_value(const RtHttpHead *head, const char *name,
								char *dst, size_t cap, size_t *len);

/*
 * Takes the next pair off a query, as it is written; false at its end.  The text
 * of a name or value is then written without what stands for something else;
 * false if it does not fit or is no text.
 */
extern bool rt_http_query_next(RtText *rest, RtText *name, RtText *value);
extern bool rt_http_form_text(RtText text, char *dst, size_t cap, size_t *len);

#endif							/* RT_PROTOCOL_HTTP_TARGET_H */

/*
 * tag.h
 *		Entity tags: what a client has already is not sent again (RFC 9110, 13.1.2).
 */
#ifndef RT_GATEWAY_DOOR_TAG_H
#define RT_GATEWAY_DOOR_TAG_H

#include "src/compat.h"

#include "src/protocol/http.h"

#define RT_TAG_SIZE 24			/* bytes, with the end */

/* The tag of a content: the same for the same bytes, whatever server it comes from. */
extern void rt_tag_of_content(const char *content, size_t len, char tag[RT_TAG_SIZE]);

/* Whether a client says that it has what the tag is of. */
extern bool rt_tag_is_known(const RtHttpHead *head, const char *tag);

#endif							/* RT_GATEWAY_DOOR_TAG_H */

/*
 * tag.c
 *		Entity tags: what a client has already is not sent again.
 *
 * They are compared weakly: a content that is sent compressed to one client and
 * as it is to another has one tag.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/door/tag.h"

void
rt_tag_of_content(const char *content, size_t len, char tag[RT_TAG_SIZE])
{
	snprintf(tag, RT_TAG_SIZE, "W/\"%016llx\"",
			 (unsigned long long) hash_bytes_extended((const unsigned char *) content,
													  (int) len, 0));
}

static RtText
without_weakness(RtText tag)
{
	if (tag.len > 2 && memcmp(tag.ptr, "W/", 2) == 0)
		return (RtText) {tag.ptr + 2, tag.len - 2};
	return tag;
}

bool
rt_tag_is_known(const RtHttpHead *head, const char *tag)
{
	RtText		own = without_weakness(RT_TEXT(tag));
	RtText		list;
	RtText		element;

	if (rt_http_field(head, "if-none-match", &list) != 1)
		return false;
	while (rt_http_list_next(&list, &element))
	{
		element = without_weakness(element);
		if ((element.len == 1 && element.ptr[0] == '*') ||
			(element.len == own.len && memcmp(element.ptr, own.ptr, own.len) == 0))
			return true;
	}
	return false;
}

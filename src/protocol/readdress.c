/*
 * readdress.c
 *		One answer for several who have asked the same.
 *
 * A reply has its id twice, a part once, at places that are known: see frame.h.
 */
#include <stdbool.h>

#include "src/protocol/frame.h"
#include "src/protocol/readdress.h"

static char *
put(char *dst, const char *bytes, size_t len)
{
	memcpy(dst, bytes, len);
	return dst + len;
}

/* What stands before an id, and the id. */
static char *
put_id(char *dst, const char *before, RtText id_json)
{
	dst = put(dst, before, strlen(before));
	return put(dst, id_json.ptr, id_json.len);
}

static bool
is_part(RtText payload)
{
	return payload.len >= strlen(RT_PART_HEAD) &&
		memcmp(payload.ptr, RT_PART_HEAD, strlen(RT_PART_HEAD)) == 0;
}

/* How long it is up to the end of its last id. */
static size_t
length_of_head(RtText payload, size_t id_len)
{
	if (is_part(payload))
		return strlen(RT_PART_HEAD) + id_len;
	return strlen(RT_REPLY_HEAD) + strlen(RT_REPLY_MIDDLE) + 2 * id_len;
}

size_t
rt_payload_readdress(char *dst, size_t cap, RtText payload, size_t id_len,
					 RtText id_json)
{
	bool		part = is_part(payload);
	size_t		head = length_of_head(payload, id_len);
	size_t		new_head = length_of_head(payload, id_json.len);
	char	   *p = dst;

	if (payload.len < head || payload.len - head + new_head > cap)
		return 0;
	p = put_id(p, part ? RT_PART_HEAD : RT_REPLY_HEAD, id_json);
	if (!part)
		p = put_id(p, RT_REPLY_MIDDLE, id_json);
	p = put(p, payload.ptr + head, payload.len - head);
	return p - dst;
}

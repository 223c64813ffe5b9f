/*
 * readdress.c
 *		One answer for several who have asked the same.
 *
 * A reply has its id twice, at places that are known: see frame.h.
 */
#include "src/protocol/frame.h"
#include "src/protocol/readdress.h"

static char *
put(char *dst, const char *bytes, size_t len)
{
	memcpy(dst, bytes, len);
	return dst + len;
}

size_t
rt_payload_readdress(char *dst, size_t cap, RtText payload, size_t id_len,
					 RtText id_json)
{
	size_t		head = strlen(RT_REPLY_HEAD);
	size_t		middle = strlen(RT_REPLY_MIDDLE);
	size_t		begun = head + id_len + middle + id_len;
	char	   *p = dst;

	if (payload.len < begun || payload.len - 2 * id_len + 2 * id_json.len > cap)
		return 0;
	p = put(p, RT_REPLY_HEAD, head);
	p = put(p, id_json.ptr, id_json.len);
	p = put(p, RT_REPLY_MIDDLE, middle);
	p = put(p, id_json.ptr, id_json.len);
	p = put(p, payload.ptr + begun, payload.len - begun);
	return p - dst;
}

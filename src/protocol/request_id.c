/*
 * request_id.c
 *		Reading the header X-Request-ID.
 */
#include "src/protocol/request_id.h"

bool
rt_request_id_read(const RtHttpHead *head, RtText *id)
{
	if (rt_http_field(head, "x-request-id", id) != 1 ||
		id->len == 0 || id->len > RT_REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < id->len; i++)
	{
		if (id->ptr[i] <= ' ' || id->ptr[i] > '~')
			return false;
	}
	return true;
}

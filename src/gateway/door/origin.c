/*
 * origin.c
 *		Pages of which origins may talk to us.
 */
#include "postgres.h"

#include "src/gateway/door/origin.h"
#include "src/gateway/door/setting_list.h"
#include "src/guc.h"

/* realtime.allowed_origins, taken apart */
static char **origins = NULL;
static int	origin_count = 0;

void
rt_origins_configure(void)
{
	static MemoryContext context = NULL;
	MemoryContext old = rt_setting_begin(&context, "allowed_origins");
	List	   *list = rt_setting_split(realtime_allowed_origins);
	ListCell   *cell;

	origin_count = 0;
	origins = palloc(sizeof(char *) * (list_length(list) + 1));
	foreach(cell, list)
		origins[origin_count++] = lfirst(cell);
	MemoryContextSwitchTo(old);
}

static bool
text_is(RtText text, const char *other)
{
	return text.len == strlen(other) && pg_strncasecmp(text.ptr, other, text.len) == 0;
}

/* Scheme, "://" and the host that the request was made to. */
static bool
origin_is_same(RtText origin, RtText host)
{
	size_t		at = 0;

	while (at < origin.len && origin.ptr[at] != ':')
		at++;
	if (origin.len < at + 3 || memcmp(origin.ptr + at, "://", 3) != 0)
		return false;
	at += 3;
	return host.len > 0 && origin.len - at == host.len &&
		pg_strncasecmp(origin.ptr + at, host.ptr, host.len) == 0;
}

/* Of two nobody knows which is true. */
bool
rt_origin_is_allowed(const RtHttpHead *head)
{
	RtText		origin;
	RtText		host = rt_http_text(head, head->authority);
	int			count = rt_http_field(head, "origin", &origin);

	if (count != 1)
		return count == 0;
	for (int i = 0; i < origin_count; i++)
	{
		if (strcmp(origins[i], "*") == 0)
			return true;
		if (strcmp(origins[i], "same-origin") == 0 && origin_is_same(origin, host))
			return true;
		if (text_is(origin, origins[i]))
			return true;
	}
	return false;
}

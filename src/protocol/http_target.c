/*
 * http_target.c
 *		Reading paths.
 */
#include "src/protocol/http_char.h"
#include "src/protocol/http_target.h"

/* Writes a segment without escapes; false if one stands for '/' or zero. */
static bool
unescape(RtText segment, char *dst, size_t *len)
{
	size_t		n = 0;

	for (size_t i = 0; i < segment.len; i++)
	{
		char		c = segment.ptr[i];

		if (c == '%')
		{
			c = (char) (rt_hex_value(segment.ptr[i + 1]) * 16 +
						rt_hex_value(segment.ptr[i + 2]));
			i += 2;
			if (c == '/' || c == '\0')
				return false;
		}
		dst[n++] = c;
	}
	*len = n;
	return true;
}

/* Takes the last segment off a path that ends with '/'; false at the root. */
static bool
climb(const char *path, size_t *len)
{
	size_t		n = *len - 1;

	if (n == 0)
		return false;
	while (path[n - 1] != '/')
		n--;
	*len = n;
	return true;
}

/* The text up to the next '/', which is taken off with it. */
static RtText
next_segment(RtText *rest, bool *last)
{
	RtText		segment = {rest->ptr, 0};

	while (segment.len < rest->len && rest->ptr[segment.len] != '/')
		segment.len++;
	*last = segment.len == rest->len;
	rest->ptr += segment.len + !*last;
	rest->len -= segment.len + !*last;
	return segment;
}

int
rt_http_path(const RtHttpHead *head, char *dst, size_t cap)
{
	RtText		rest = rt_http_text(head, head->path);
	size_t		used = 1;
	bool		last = false;

	if (cap < rest.len + 2)
		return -1;
	dst[0] = '/';
	while (!last)
	{
		RtText		segment = next_segment(&rest, &last);
		size_t		len;

		if (!unescape(segment, dst + used, &len))
			return -1;
		if (len == 0 || (len == 1 && dst[used] == '.'))
			continue;
		if (len == 2 && dst[used] == '.' && dst[used + 1] == '.')
		{
			if (!climb(dst, &used))
				return -1;
			continue;
		}
		used += len;
		if (!last)
			dst[used++] = '/';
	}
	dst[used] = '\0';
	return (int) used;
}

/*
 * json_writer.c
 *		Writes JSON into memory that has an end.
 */
#include <string.h>

#include "src/protocol/json_writer.h"

#define DIGITS_MAX 20			/* of a uint64 */

RtWriter
rt_writing_begin(char *dst, size_t cap)
{
	RtWriter	w;

	w.begin = dst;
	w.pos = dst;
	w.end = cap > 0 ? dst + cap : dst;
	w.shut = false;
	return w;
}

size_t
rt_writing_end(const RtWriter *w)
{
	return w->shut ? 0 : (size_t) (w->pos - w->begin);
}

void
rt_put_bytes(RtWriter *w, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	if (len > (size_t) (w->end - w->pos))
	{
		w->end = w->pos;
		w->shut = true;
		return;
	}
	memcpy(w->pos, bytes, len);
	w->pos += len;
}

void
rt_put_json(RtWriter *w, RtText json)
{
	if (json.len > 0)
		rt_put_bytes(w, json.ptr, json.len);
	else
		rt_put_literal(w, "null");
}

void
rt_put_number(RtWriter *w, uint64_t number)
{
	char		digits[DIGITS_MAX];
	int			first = DIGITS_MAX;

	do
	{
		digits[--first] = (char) ('0' + number % 10);
		number /= 10;
	} while (number > 0);
	rt_put_bytes(w, digits + first, DIGITS_MAX - first);
}

static void
put_escape(RtWriter *w, unsigned char c)
{
	static const char letters[] = {
		['\b'] = 'b',['\t'] = 't',['\n'] = 'n',['\f'] = 'f',['\r'] = 'r',
		['"'] = '"',['\\'] = '\\'
	};
	static const char hex[] = "0123456789abcdef";
	char		escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (letters[c] != '\0')
	{
		escape[1] = letters[c];
		rt_put_bytes(w, escape, 2);
	}
	else
		rt_put_bytes(w, escape, sizeof(escape));
}

/* A text in quotes.  Bytes from 0x80 on pass as they are. */
void
rt_put_string(RtWriter *w, RtText text)
{
	size_t		run = 0;

	rt_put_literal(w, "\"");
	for (size_t i = 0; i < text.len; i++)
	{
		unsigned char c = (unsigned char) text.ptr[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		rt_put_bytes(w, text.ptr + run, i - run);
		put_escape(w, c);
		run = i + 1;
	}
	if (run < text.len)
		rt_put_bytes(w, text.ptr + run, text.len - run);
	rt_put_literal(w, "\"");
}

/*
 * http.c
 *		A head is read line by line, each as soon as its end has come; what the
 *		headers mean together is looked at when the empty line has.
 *
 * Control characters are found while the end of a line is looked for, so a
 * line that is read has none but tabs.  Looking goes on where it stopped.
 */
#include <stddef.h>

#include "src/protocol/host.h"
#include "src/protocol/http.h"
#include "src/protocol/http_char.h"

#define LENGTH_DIGITS_MAX 18	/* of a Content-Length; more are too many bytes */

static bool find_line(RtHttpHead *head, size_t len, RtText *line);
static bool refuse_long(RtHttpHead *head, const char *reason);
static bool read_line(RtHttpHead *head, RtText line);
static bool read_request_line(RtHttpHead *head, RtText line);
static bool read_version(RtHttpHead *head, RtText version);
static bool read_method(RtHttpHead *head, RtText method);
static bool read_target(RtHttpHead *head, RtText target);
static bool read_absolute(RtHttpHead *head, RtText target, RtText *rest);
static bool check_path(RtHttpHead *head, RtText path);
static bool read_field(RtHttpHead *head, RtText line);
static bool read_host(RtHttpHead *head);
static bool read_framing(RtHttpHead *head);
static bool read_codings(RtHttpHead *head, RtText codings);
static bool read_length(RtHttpHead *head, RtText value);
static bool read_expectation(RtHttpHead *head);
static bool finish_head(RtHttpHead *head);

/* ---- characters ---- */

/*
 * Printable ASCII without what no client leaves unescaped.  Some other
 * characters are no part of a URI either, but browsers send them in queries.
 */
static inline bool
is_target_char(char c)
{
	return c > 0x20 && c < 0x7F && c != '#' && c != '"' && c != '<' && c != '>';
}

/* ---- texts ---- */

bool
rt_http_is_token(RtText text)
{
	for (size_t i = 0; i < text.len; i++)
	{
		if (!rt_is_token_char(text.ptr[i]))
			return false;
	}
	return text.len > 0;
}

bool
rt_http_is(RtText text, const char *wanted)
{
	if (text.len != strlen(wanted))
		return false;
	for (size_t i = 0; i < text.len; i++)
	{
		if (rt_lower(text.ptr[i]) != wanted[i])
			return false;
	}
	return true;
}

RtText
rt_http_trim(RtText text)
{
	while (text.len > 0 && rt_is_blank(text.ptr[0]))
	{
		text.ptr++;
		text.len--;
	}
	while (text.len > 0 && rt_is_blank(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

/* Where the first element of a list ends. */
static size_t
element_length(RtText list)
{
	bool		quoted = false;
	size_t		i;

	for (i = 0; i < list.len && (quoted || list.ptr[i] != ','); i++)
	{
		if (list.ptr[i] == '"')
			quoted = !quoted;
		else if (quoted && list.ptr[i] == '\\' && i + 1 < list.len)
			i++;
	}
	return i;
}

bool
rt_http_list_next(RtText *list, RtText *element)
{
	while (list->len > 0)
	{
		size_t		len = element_length(*list);
		size_t		used = len < list->len ? len + 1 : len;

		*element = rt_http_trim((RtText) {list->ptr, len});
		list->ptr += used;
		list->len -= used;
		if (element->len > 0)
			return true;
	}
	return false;
}

static bool
is_host(RtText text)
{
	RtHost		host;

	return rt_host_read(text.ptr, text.len, &host);
}

static RtHttpSpan
span_of(const RtHttpHead *head, RtText text)
{
	return (RtHttpSpan) {(uint16_t) (text.ptr - head->bytes), (uint16_t) text.len};
}

bool
rt_http_split(RtText text, char c, RtText *before, RtText *behind)
{
	const char *at = text.len > 0 ? memchr(text.ptr, c, text.len) : NULL;

	if (at == NULL)
		return false;
	*before = (RtText) {text.ptr, (size_t) (at - text.ptr)};
	*behind = (RtText) {at + 1, text.len - before->len - 1};
	return true;
}

/* ---- lines ---- */

bool
rt_http_refuse(RtHttpHead *head, int status, const char *reason)
{
	head->status = (uint16_t) status;
	head->reason = reason;
	return false;
}

RtHttpResult
rt_http_head_read(RtHttpHead *head, const char *bytes, size_t len)
{
	RtText		line = RT_TEXT_NONE;

	head->bytes = bytes;
	while (head->status == 0 && head->length == 0 && find_line(head, len, &line))
	{
		if (!read_line(head, line))
			break;
	}
	if (head->status != 0)
		return RT_HTTP_REFUSED;
	return head->length > 0 ? RT_HTTP_WHOLE : RT_HTTP_MORE;
}

/*
 * The next line; false if its end has not come or it is refused.  What is behind
 * a limit is not looked at, so that the answer does not depend on what has come.
 */
static bool
find_line(RtHttpHead *head, size_t len, RtText *line)
{
	const char *bytes = head->bytes;
	size_t		end = len < RT_HTTP_HEAD_MAX ? len : RT_HTTP_HEAD_MAX;
	size_t		i;

	for (i = head->seen; i < end && i - head->line <= RT_HTTP_LINE_MAX; i++)
	{
		if (bytes[i] == '\r')
		{
			if (i + 1 == end)
				break;			/* looked at again with the next byte */
			if (bytes[i + 1] != '\n')
				return rt_http_refuse(head, 400, "A line has a CR in it.");
			*line = (RtText) {bytes + head->line, i - head->line};
			head->line = head->seen = (uint16_t) (i + 2);
			return true;
		}
		if (bytes[i] == '\n')
			return rt_http_refuse(head, 400, "A line ends without a CR.");
		if (rt_is_control(bytes[i]))
			return rt_http_refuse(head, 400, "There is a control character in the head.");
	}
	head->seen = (uint16_t) i;
	if (i - head->line > RT_HTTP_LINE_MAX)
		return refuse_long(head, "A header is too long.");
	if (len >= RT_HTTP_HEAD_MAX)
		return refuse_long(head, "The headers are too long together.");
	return false;
}

/* Returns false, for find_line(). */
static bool
refuse_long(RtHttpHead *head, const char *reason)
{
	if (head->method == 0)
		return rt_http_refuse(head, 414, "The request line is too long.");
	return rt_http_refuse(head, 431, reason);
}

static bool
read_line(RtHttpHead *head, RtText line)
{
	if (head->method != 0)
		return line.len > 0 ? read_field(head, line) : finish_head(head);
	if (line.len > 0)
		return read_request_line(head, line);
	if (head->blank_skipped)
		return rt_http_refuse(head, 400, "The request begins with empty lines.");
	head->blank_skipped = true;
	return true;
}

/* ---- the request line ---- */

static bool
read_request_line(RtHttpHead *head, RtText line)
{
	RtText		method;
	RtText		target;
	RtText		version;
	RtText		rest;

	if (!rt_http_split(line, ' ', &method, &rest) ||
		!rt_http_split(rest, ' ', &target, &version))
		return rt_http_refuse(head, 400, "The request line has no three parts.");
	return read_version(head, version) &&
		read_method(head, method) &&
		read_target(head, target);
}

static bool
read_version(RtHttpHead *head, RtText version)
{
	const char *v = version.ptr;

	if (version.len != 8 || memcmp(v, "HTTP/", 5) != 0 ||
		!rt_is_digit(v[5]) || v[6] != '.' || !rt_is_digit(v[7]))
		return rt_http_refuse(head, 400, "The request line ends with no version.");
	if (v[5] != '1')
		return rt_http_refuse(head, 505, "This server speaks HTTP/1.1.");
	head->minor = (uint8_t) (v[7] - '0');
	return true;
}

static bool
read_method(RtHttpHead *head, RtText method)
{
	static const struct
	{
		const char *name;
		RtHttpMethod method;
	}			known[] = {
		{"GET", RT_HTTP_GET}, {"HEAD", RT_HTTP_HEAD}, {"POST", RT_HTTP_POST},
		{"PUT", RT_HTTP_PUT}, {"PATCH", RT_HTTP_PATCH},
		{"DELETE", RT_HTTP_DELETE}, {"OPTIONS", RT_HTTP_OPTIONS},
		{"TRACE", RT_HTTP_TRACE}
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		if (method.len == strlen(known[i].name) &&
			memcmp(method.ptr, known[i].name, method.len) == 0)
		{
			head->method = known[i].method;
			return true;
		}
	}
	if (!rt_http_is_token(method))
		return rt_http_refuse(head, 400, "The request line begins with no method.");
	return rt_http_refuse(head, 501, "This method is not known here.");
}

static bool
read_target(RtHttpHead *head, RtText target)
{
	RtText		path = target;
	RtText		query = {target.ptr, 0};

	for (size_t i = 0; i < target.len; i++)
	{
		if (!is_target_char(target.ptr[i]))
			return rt_http_refuse(head, 400, "There is a character in the address that must be escaped.");
	}
	if (target.len == 0)
		return rt_http_refuse(head, 400, "The request has no address.");
	if (target.ptr[0] != '/' &&
		!(head->method == RT_HTTP_OPTIONS && rt_http_is(target, "*")) &&
		!read_absolute(head, target, &path))
		return false;
	(void) rt_http_split(path, '?', &path, &query);
	head->path = span_of(head, path);
	head->query = span_of(head, query);
	return check_path(head, path);
}

/* scheme://authority, then a path, a query or nothing. */
static bool
read_absolute(RtHttpHead *head, RtText target, RtText *rest)
{
	RtText		scheme;
	RtText		authority;
	size_t		len = 0;

	if (!rt_http_split(target, ':', &scheme, &authority) ||
		(!rt_http_is(scheme, "http") && !rt_http_is(scheme, "https")) ||
		authority.len < 2 || memcmp(authority.ptr, "//", 2) != 0)
		return rt_http_refuse(head, 400, "The address is neither a path nor one of HTTP.");
	authority.ptr += 2;
	authority.len -= 2;
	while (len < authority.len && authority.ptr[len] != '/' && authority.ptr[len] != '?')
		len++;
	*rest = (RtText) {authority.ptr + len, authority.len - len};
	authority.len = len;
	if (!is_host(authority))
		return rt_http_refuse(head, 400, "The address names no host.");
	head->authority = span_of(head, authority);
	return true;
}

static bool
check_path(RtHttpHead *head, RtText path)
{
	for (size_t i = 0; i < path.len; i++)
	{
		if (path.ptr[i] == '%' &&
			(path.len - i < 3 || rt_hex_value(path.ptr[i + 1]) < 0 ||
			 rt_hex_value(path.ptr[i + 2]) < 0))
			return rt_http_refuse(head, 400, "A % in the path is not followed by two digits.");
	}
	return true;
}

/* ---- headers ---- */

static bool
read_field(RtHttpHead *head, RtText line)
{
	RtText		name;
	RtText		value;

	if (rt_is_blank(line.ptr[0]))
		return rt_http_refuse(head, 400, "A header is folded.");
	if (!rt_http_split(line, ':', &name, &value))
		return rt_http_refuse(head, 400, "A header has no colon.");
	if (!rt_http_is_token(name))
		return rt_http_refuse(head, 400, "The name of a header is no token.");
	if (head->field_count == RT_HTTP_FIELDS_MAX)
		return rt_http_refuse(head, 431, "There are too many headers.");
	head->fields[head->field_count].name = span_of(head, name);
	head->fields[head->field_count].value = span_of(head, rt_http_trim(value));
	head->field_count++;
	return true;
}

int
rt_http_field(const RtHttpHead *head, const char *name, RtText *value)
{
	int			count = 0;

	for (int i = head->field_count - 1; i >= 0; i--)
	{
		if (rt_http_is(rt_http_text(head, head->fields[i].name), name))
		{
			*value = rt_http_text(head, head->fields[i].value);
			count++;
		}
	}
	return count;
}

bool
rt_http_lists(const RtHttpHead *head, const char *name, const char *token)
{
	for (int i = 0; i < head->field_count; i++)
	{
		RtText		list = rt_http_text(head, head->fields[i].value);
		RtText		element;

		if (!rt_http_is(rt_http_text(head, head->fields[i].name), name))
			continue;
		while (rt_http_list_next(&list, &element))
		{
			if (rt_http_is(element, token))
				return true;
		}
	}
	return false;
}

/* ---- what the headers mean ---- */

static bool
finish_head(RtHttpHead *head)
{
	if (!read_host(head) || !read_framing(head) || !read_expectation(head))
		return false;
	head->keep_alive = head->minor > 0 && !rt_http_lists(head, "connection", "close");
	head->length = head->line;
	return true;
}

/* An address with a host counts instead of Host, which must be there though. */
static bool
read_host(RtHttpHead *head)
{
	RtText		host;
	int			count = rt_http_field(head, "host", &host);

	if (count > 1)
		return rt_http_refuse(head, 400, "There is more than one Host.");
	if (count == 0)
		return head->minor == 0 ||
			rt_http_refuse(head, 400, "There is no Host.");
	if (!is_host(host))
		return rt_http_refuse(head, 400, "Host names no host.");
	if (head->authority.len == 0)
		head->authority = span_of(head, host);
	return true;
}

static bool
read_framing(RtHttpHead *head)
{
	RtText		value;
	RtText		codings;
	int			lengths = rt_http_field(head, "content-length", &value);
	int			encodings = rt_http_field(head, "transfer-encoding", &codings);

	if (lengths > 1)
		return rt_http_refuse(head, 400, "There is more than one Content-Length.");
	if (encodings > 1)
		return rt_http_refuse(head, 400, "There is more than one Transfer-Encoding.");
	if (encodings > 0 && lengths > 0)
		return rt_http_refuse(head, 400, "There are Content-Length and Transfer-Encoding.");
	if (encodings > 0)
		return read_codings(head, codings);
	return lengths == 0 || read_length(head, value);
}

/* A body whose last coding is another one has no end that we could find. */
static bool
read_codings(RtHttpHead *head, RtText codings)
{
	RtText		coding = {codings.ptr, 0};
	int			count = 0;
	int			chunked = 0;

	for (; rt_http_list_next(&codings, &coding); count++)
	{
		if (rt_http_is(coding, "chunked"))
			chunked++;
	}
	if (head->minor == 0)
		return rt_http_refuse(head, 400, "HTTP/1.0 has no Transfer-Encoding.");
	if (chunked != 1 || !rt_http_is(coding, "chunked"))
		return rt_http_refuse(head, 400, "Transfer-Encoding does not end with chunked.");
	if (count > 1)
		return rt_http_refuse(head, 501, "No Transfer-Encoding but chunked is known here.");
	head->framing = RT_HTTP_CHUNKED;
	return true;
}

static bool
read_length(RtHttpHead *head, RtText value)
{
	for (size_t i = 0; i < value.len; i++)
	{
		if (!rt_is_digit(value.ptr[i]))
			return rt_http_refuse(head, 400, "Content-Length is no number.");
		if (i < LENGTH_DIGITS_MAX)
			head->content_length = head->content_length * 10 + (uint64_t) (value.ptr[i] - '0');
	}
	if (value.len == 0)
		return rt_http_refuse(head, 400, "Content-Length is no number.");
	if (value.len > LENGTH_DIGITS_MAX)
		return rt_http_refuse(head, 413, "The body is too long.");
	if (head->content_length > 0)
		head->framing = RT_HTTP_LENGTH;
	return true;
}

static bool
read_expectation(RtHttpHead *head)
{
	RtText		value;
	int			count = rt_http_field(head, "expect", &value);

	if (count == 0 || head->minor == 0)
		return true;
	if (count > 1 || !rt_http_is(value, "100-continue"))
		return rt_http_refuse(head, 417, "No Expect but 100-continue is known here.");
	head->expects_continue = head->framing != RT_HTTP_NO_BODY;
	return true;
}

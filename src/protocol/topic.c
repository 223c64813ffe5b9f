/*
 * topic.c
 *		Checking names, reading templates and matching topics against them.
 *
 * A template is read token by token: a character of literal text, a
 * placeholder, or the end.  Nothing is compiled, because a template is short
 * and the catalog caches which topics matched.
 *
 * Matching needs no search.  Between two placeholders stands a character that
 * no value can hold, so a value's characters end exactly where the first such
 * character of the text behind it must be; the text behind the last
 * placeholder ends with the topic.
 */
#include <limits.h>
#include <string.h>

#include "src/protocol/topic.h"
#include "src/protocol/utf8.h"

#define NAME_MAX_LEN 63			/* of a column or an argument */
#define NUMBER_MAX_LEN 3		/* digits of "{1}" */

/* Tokens of a template; literal characters stand for themselves. */
#define TOKEN_END (-1)
#define TOKEN_PLACEHOLDER (-2)
#define TOKEN_UNBALANCED (-3)

static int	next_token(const char *tpl, size_t len, size_t *pos, RtSpan *name);
static RtTemplateFault check_name(const char *tpl, RtSpan name,
								  const RtSpan *names, int count);
static bool name_is_valid(const char *name, size_t len);
static size_t skip_values(const char *text, size_t pos, size_t len);
static bool find_value_end(const char *tpl, size_t tpl_len, size_t pos,
						   const char *topic, size_t topic_len, size_t begin,
						   size_t *end);
static bool value_is_valid(const char *value, size_t len);
static int	hex_value(char c);

/* What stands in a value as it is. */
static inline bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

static inline bool
is_topic_char(char c)
{
	return c >= 0x20 && c <= 0x7E && c != '"' && c != '\\';
}

bool
rt_topic_is_valid(const char *topic, size_t len)
{
	if (len == 0 || len > RT_TOPIC_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (!is_topic_char(topic[i]))
			return false;
	}
	return true;
}

bool
rt_signal_names_user(const char *id, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = id[i];

		if (c < 0x20 || c == 0x7F || c == '"' || c == '\\')
			return false;
	}
	return len >= 1;
}

bool
rt_topic_is_system(const char *topic, size_t len)
{
	return len >= 2 && topic[0] == '_' && topic[1] == '_';
}

bool
rt_topic_is_query(const char *topic, size_t len)
{
	size_t		prefix_len = strlen(RT_QUERY_TOPIC);

	return len >= prefix_len && memcmp(topic, RT_QUERY_TOPIC, prefix_len) == 0;
}

bool
rt_topic_is_reserved(const char *topic, size_t len)
{
	return rt_topic_is_system(topic, len) || rt_topic_is_query(topic, len);
}

bool
rt_event_is_valid(const char *event, size_t len)
{
	const unsigned char *p = (const unsigned char *) event;
	size_t		i = 0;

	if (len == 0 || len > RT_EVENT_MAX)
		return false;
	while (i < len)
	{
		size_t		width = rt_utf8_length(event + i, len - i);

		if (width == 0 || p[i] < 0x20 || p[i] == 0x7F ||
			p[i] == '"' || p[i] == '\\')
			return false;
		i += width;
	}
	return true;
}

RtTemplateFault
rt_template_check(const char *tpl, size_t len)
{
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	RtSpan		name;
	RtTemplateFault fault;
	int			count = 0;
	int			token;
	size_t		pos = 0;
	size_t		shortest = 0;	/* bytes of the shortest topic that matches */
	bool		separated = true;

	if (len == 0)
		return RT_TEMPLATE_EMPTY;
	if (len > RT_TEMPLATE_MAX)
		return RT_TEMPLATE_TOO_LONG;
	while ((token = next_token(tpl, len, &pos, &name)) != TOKEN_END)
	{
		shortest++;
		if (token == TOKEN_UNBALANCED)
			return RT_TEMPLATE_UNBALANCED;
		if (token == TOKEN_PLACEHOLDER)
		{
			fault = check_name(tpl, name, names, count);
			if (fault != RT_TEMPLATE_OK)
				return fault;
			if (!separated)
				return RT_TEMPLATE_ADJACENT;
			names[count++] = name;
			separated = false;
		}
		else if (!is_topic_char((char) token) || token == '%')
			return RT_TEMPLATE_BAD_CHARACTER;
		else if (!is_unreserved((char) token))
			separated = true;
	}
	return shortest <= RT_TOPIC_MAX ? RT_TEMPLATE_OK : RT_TEMPLATE_TOO_LONG;
}

const char *
rt_template_fault_text(RtTemplateFault fault)
{
	switch (fault)
	{
		case RT_TEMPLATE_OK:
			return "is valid";
		case RT_TEMPLATE_EMPTY:
			return "is empty";
		case RT_TEMPLATE_TOO_LONG:
			return "is too long";
		case RT_TEMPLATE_BAD_CHARACTER:
			return "contains a character other than printable ASCII "
				"without \", \\ and %";
		case RT_TEMPLATE_UNBALANCED:
			return "contains a brace without its other half";
		case RT_TEMPLATE_BAD_NAME:
			return "contains a placeholder that is neither a name "
				"nor a number";
		case RT_TEMPLATE_TWICE:
			return "contains the same placeholder twice";
		case RT_TEMPLATE_ADJACENT:
			return "contains two placeholders without a separator such as : "
				"or / between them";
		case RT_TEMPLATE_TOO_MANY:
			return "contains too many placeholders";
	}
	return "is invalid";
}

int
rt_template_names(const char *tpl, size_t len, RtSpan *names)
{
	RtSpan		name;
	size_t		pos = 0;
	int			count = 0;
	int			token;

	while (count < RT_PLACEHOLDERS_MAX &&
		   (token = next_token(tpl, len, &pos, &name)) != TOKEN_END)
	{
		if (token == TOKEN_PLACEHOLDER)
			names[count++] = name;
	}
	return count;
}

size_t
rt_template_prefix_len(const char *tpl, size_t len)
{
	RtSpan		name;
	size_t		pos = 0;
	size_t		prefix_len = 0;

	while (next_token(tpl, len, &pos, &name) >= 0)
		prefix_len++;
	return prefix_len;
}

size_t
rt_template_form(const char *tpl, size_t len, char *form)
{
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	int			count = rt_template_names(tpl, len, names);
	size_t		from = 0;
	size_t		used = 0;

	for (int i = 0; i < count; i++)
	{
		memcpy(form + used, tpl + from, names[i].off - from);
		used += names[i].off - from;
		from = names[i].off + names[i].len;
	}
	memcpy(form + used, tpl + from, len - from);
	return used + len - from;
}

int
rt_template_fill(const char *tpl, size_t len, const char *const *values,
				 const size_t *value_lens, char *topic, size_t cap)
{
	RtSpan		name;
	size_t		pos = 0;
	size_t		used = 0;
	int			token;

	if (cap > INT_MAX)
		cap = INT_MAX;
	while ((token = next_token(tpl, len, &pos, &name)) != TOKEN_END)
	{
		if (token == TOKEN_PLACEHOLDER)
		{
			int			width = rt_percent_encode(*values++, *value_lens++,
												  topic + used, cap - used);

			if (width <= 0)
				return -1;
			used += (size_t) width;
		}
		else
		{
			/* TOKEN_UNBALANCED does not occur in a checked template. */
			if (used == cap)
				return -1;
			topic[used++] = (char) token;
		}
	}
	return (int) used;
}

bool
rt_template_match(const char *tpl, size_t tpl_len,
				  const char *topic, size_t topic_len, RtSpan *values)
{
	RtSpan		name;
	size_t		pos = 0;		/* in the template */
	size_t		at = 0;			/* in the topic */
	int			token;

	while ((token = next_token(tpl, tpl_len, &pos, &name)) != TOKEN_END)
	{
		size_t		end;

		if (token == TOKEN_PLACEHOLDER)
		{
			if (!find_value_end(tpl, tpl_len, pos, topic, topic_len, at,
								&end) ||
				!value_is_valid(topic + at, end - at))
				return false;
			if (values != NULL)
			{
				values->off = (uint32_t) at;
				values->len = (uint32_t) (end - at);
				values++;
			}
			at = end;
		}
		else
		{
			/* TOKEN_UNBALANCED, too, equals no character. */
			if (at == topic_len || (unsigned char) topic[at] != token)
				return false;
			at++;
		}
	}
	return at == topic_len;
}

int
rt_percent_encode(const char *src, size_t len, char *dst, size_t cap)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t		used = 0;

	if (cap > INT_MAX)
		cap = INT_MAX;
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) src[i];
		size_t		width = is_unreserved(src[i]) ? 1 : 3;

		if (c == '\0' || width > cap - used)
			return -1;
		if (width == 1)
			dst[used] = src[i];
		else
		{
			dst[used] = '%';
			dst[used + 1] = hex[c >> 4];
			dst[used + 2] = hex[c & 15];
		}
		used += width;
	}
	return (int) used;
}

int
rt_percent_decode(const char *src, size_t len, char *dst, size_t cap)
{
	size_t		used = 0;
	size_t		i = 0;

	if (cap > INT_MAX)
		cap = INT_MAX;
	while (i < len)
	{
		char		c = src[i++];

		if (!is_unreserved(c))
		{
			int			high;
			int			low;

			if (c != '%' || len - i < 2)
				return -1;
			high = hex_value(src[i]);
			low = hex_value(src[i + 1]);
			if (high < 0 || low < 0)
				return -1;
			i += 2;
			c = (char) (high * 16 + low);
			if (c == '\0' || is_unreserved(c))
				return -1;
		}
		if (used == cap)
			return -1;
		dst[used++] = c;
	}
	return (int) used;
}

/*
 * Reads one token of a template and moves behind it.  Returns a literal
 * character (a doubled brace counts as one) or one of TOKEN_*; *name is that
 * of a placeholder, without the braces.
 */
static int
next_token(const char *tpl, size_t len, size_t *pos, RtSpan *name)
{
	size_t		at = *pos;
	const char *close;
	char		c;

	if (at == len)
		return TOKEN_END;
	c = tpl[at++];
	*pos = at;
	if (c != '{' && c != '}')
		return (unsigned char) c;
	if (at < len && tpl[at] == c)
	{
		*pos = at + 1;
		return c;
	}
	if (c == '}' || (close = memchr(tpl + at, '}', len - at)) == NULL)
		return TOKEN_UNBALANCED;

	name->off = (uint32_t) at;
	name->len = (uint32_t) (close - tpl - at);
	*pos = at + name->len + 1;
	return TOKEN_PLACEHOLDER;
}

/* names are those of the placeholders before this one. */
static RtTemplateFault
check_name(const char *tpl, RtSpan name, const RtSpan *names, int count)
{
	if (!name_is_valid(tpl + name.off, name.len))
		return RT_TEMPLATE_BAD_NAME;
	for (int i = 0; i < count; i++)
	{
		if (names[i].len == name.len &&
			memcmp(tpl + names[i].off, tpl + name.off, name.len) == 0)
			return RT_TEMPLATE_TWICE;
	}
	return count < RT_PLACEHOLDERS_MAX ? RT_TEMPLATE_OK : RT_TEMPLATE_TOO_MANY;
}

/* A word that does not begin with a digit, or a number without leading 0. */
static bool
name_is_valid(const char *name, size_t len)
{
	bool		number;

	if (len == 0 || len > NAME_MAX_LEN || name[0] == '0')
		return false;
	number = (name[0] >= '1' && name[0] <= '9');
	if (number && len > NUMBER_MAX_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		bool		digit = (name[i] >= '0' && name[i] <= '9');

		if (number ? !digit : !is_unreserved(name[i]) || name[i] == '.' ||
			name[i] == '-')
			return false;
	}
	return true;
}

/* Runs over characters that may stand in a value. */
static size_t
skip_values(const char *text, size_t pos, size_t len)
{
	while (pos < len && (is_unreserved(text[pos]) || text[pos] == '%'))
		pos++;
	return pos;
}

/*
 * Where the value that begins in the topic at "begin" must end, for what
 * follows its placeholder in the template at pos.  Returns false if there is
 * no room for that.
 */
static bool
find_value_end(const char *tpl, size_t tpl_len, size_t pos,
			   const char *topic, size_t topic_len, size_t begin, size_t *end)
{
	RtSpan		name;
	size_t		behind = 0;		/* literal text up to the separator or end */
	size_t		limit = topic_len;
	int			token;

	while ((token = next_token(tpl, tpl_len, &pos, &name)) >= 0)
	{
		if (!is_unreserved((char) token))
		{
			limit = skip_values(topic, begin, topic_len);
			break;
		}
		behind++;
	}
	if (limit - begin < behind)
		return false;
	*end = limit - behind;
	return true;
}

/* Not empty and what encoding can have written. */
static bool
value_is_valid(const char *value, size_t len)
{
	char		decoded[RT_TOPIC_MAX];

	return rt_percent_decode(value, len, decoded, sizeof(decoded)) > 0;
}

/* Of a digit that encoding can have written, else -1. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Each piece between two stars is found as early as possible, which leaves the
 * most for what follows; so one step back to the last star is enough.
 */
bool
rt_pattern_match(const char *pattern, size_t pattern_len,
				 const char *text, size_t text_len)
{
	size_t		p = 0;
	size_t		t = 0;
	size_t		after_star = 0; /* in the pattern; 0 = none yet */
	size_t		star_end = 0;	/* in the text: what the star has taken */

	while (t < text_len)
	{
		if (p < pattern_len && pattern[p] == '*')
		{
			after_star = ++p;
			star_end = ++t;
		}
		else if (p < pattern_len && pattern[p] == text[t])
		{
			p++;
			t++;
		}
		else if (after_star > 0)
		{
			p = after_star;
			t = ++star_end;
		}
		else
			return false;
	}
	return p == pattern_len;
}

RtText
rt_topic_quote(char *dst, const char *topic, size_t len)
{
	dst[0] = '"';
	memcpy(dst + 1, topic, len);
	dst[len + 1] = '"';
	return (RtText) {dst, len + 2};
}

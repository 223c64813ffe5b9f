/*
 * json.c
 *		Checking JSON text in one pass and reading its parts by position.
 *
 * Checking is a loop and not a recursion: a megabyte holds a million opening
 * brackets, and a stack overflow would restart the whole server.  Of the
 * brackets that are open only their kind matters, so a fixed array of bits is
 * the stack; what lies deeper than max_depth is counted, not checked.
 *
 * The helpers come in two sorts and all of them return where the part ends,
 * or NULL.  check_*() believe nothing.  skip_*() run over text that has been
 * checked, where they only look for its end; below max_depth they may meet
 * anything, so they too stay within their bounds and always advance.
 */
#include <limits.h>
#include <string.h>

#include "src/protocol/json.h"

#define BYTES(c) (UINT64_C(0x0101010101010101) * (uint8_t) (c))

/* Sets the high bit of some byte if and only if one is zero, or below n. */
#define ANY_ZERO(w) (((w) - BYTES(1)) & ~(w) & BYTES(0x80))
#define ANY_BELOW(w, n) (((w) - BYTES(n)) & ~(w) & BYTES(0x80))

/* The open brackets.  Bit n tells whether level n is an object. */
typedef struct Brackets
{
	int			depth;
	uint64_t	objects[RT_JSON_DEPTH_MAX / 64];
} Brackets;

static const char *close_values(Brackets *open, const char *p,
								const char *end);
static const char *check_key(const char *p, const char *end);
static const char *check_scalar(const char *p, const char *end);
static const char *check_literal(const char *p, const char *end,
								 const char *literal, size_t len);
static const char *check_number(const char *p, const char *end);
static const char *check_digits(const char *p, const char *end);
static const char *check_string(const char *p, const char *end);
static const char *check_escape(const char *p, const char *end);
static const char *skip_value(const char *p, const char *end);
static const char *skip_container(const char *p, const char *end);
static const char *skip_string(const char *p, const char *end);
static bool begin_walk(RtJsonWalk *walk, const char *text, RtSpan value,
					   char bracket);
static const char *find_item(const RtJsonWalk *walk);
static bool take_value(RtJsonWalk *walk, const char *p, RtSpan *value);
static int32_t decode_escape(const char **pos, const char *end);
static int32_t decode_hex4(const char *p, const char *end);
static size_t encode_utf8(int32_t code, char *dst);

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline const char *
skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* Runs to the next quote, backslash or control character. */
static inline const char *
skip_plain(const char *p, const char *end)
{
	while (end - p >= 8)
	{
		uint64_t	word;

		memcpy(&word, p, 8);
		if (ANY_ZERO(word ^ BYTES('"')) | ANY_ZERO(word ^ BYTES('\\')) |
			ANY_BELOW(word, 0x20))
			break;
		p += 8;
	}
	while (p < end && *p != '"' && *p != '\\' && (unsigned char) *p >= 0x20)
		p++;
	return p;
}

static inline void
push_bracket(Brackets *open, bool object)
{
	uint64_t   *word = &open->objects[open->depth / 64];
	uint64_t	bit = UINT64_C(1) << (open->depth % 64);

	*word = object ? *word | bit : *word & ~bit;
	open->depth++;
}

static inline bool
innermost_is_object(const Brackets *open)
{
	int			level = open->depth - 1;

	return (open->objects[level / 64] >> (level % 64)) & 1;
}

RtJsonStatus
rt_json_check(const char *text, size_t len, int max_depth)
{
	Brackets	open = {0};
	RtJsonStatus status = RT_JSON_OK;
	const char *p;
	const char *end;

	if (len == 0)
		return RT_JSON_INVALID;
	if (max_depth > RT_JSON_DEPTH_MAX)
		max_depth = RT_JSON_DEPTH_MAX;

	end = text + len;
	p = skip_space(text, end);
	for (;;)
	{
		/* A value must begin here. */
		if (p == end)
			return RT_JSON_INVALID;
		if (*p != '{' && *p != '[')
			p = check_scalar(p, end);
		else if (open.depth >= max_depth)
		{
			p = skip_container(p, end);
			status = RT_JSON_TOO_DEEP;
		}
		else
		{
			bool		object = (*p == '{');

			push_bracket(&open, object);
			p = skip_space(p + 1, end);
			if (p == end || *p != (object ? '}' : ']'))
			{
				if (object && (p = check_key(p, end)) == NULL)
					return RT_JSON_INVALID;
				continue;
			}
		}

		if (p == NULL || (p = close_values(&open, p, end)) == NULL)
			return RT_JSON_INVALID;
		if (open.depth == 0)
			return p == end ? status : RT_JSON_INVALID;
	}
}

/*
 * After a value: closes what ends here and goes on to the next value of what
 * does not, or behind the whole text.
 */
static const char *
close_values(Brackets *open, const char *p, const char *end)
{
	while (open->depth > 0)
	{
		bool		object = innermost_is_object(open);

		p = skip_space(p, end);
		if (p == end)
			return NULL;
		if (*p == ',')
		{
			p = skip_space(p + 1, end);
			return object ? check_key(p, end) : p;
		}
		if (*p != (object ? '}' : ']'))
			return NULL;
		p++;
		open->depth--;
	}
	return skip_space(p, end);
}

/* A member's name and its colon, up to its value. */
static const char *
check_key(const char *p, const char *end)
{
	if (p == end || *p != '"')
		return NULL;
	p = check_string(p, end);
	if (p == NULL)
		return NULL;
	p = skip_space(p, end);
	if (p == end || *p != ':')
		return NULL;
	return skip_space(p + 1, end);
}

static const char *
check_scalar(const char *p, const char *end)
{
	switch (*p)
	{
		case '"':
			return check_string(p, end);
		case 't':
			return check_literal(p, end, "true", 4);
		case 'f':
			return check_literal(p, end, "false", 5);
		case 'n':
			return check_literal(p, end, "null", 4);
		default:
			return check_number(p, end);
	}
}

static const char *
check_literal(const char *p, const char *end, const char *literal, size_t len)
{
	if ((size_t) (end - p) < len || memcmp(p, literal, len) != 0)
		return NULL;
	return p + len;
}

static const char *
check_number(const char *p, const char *end)
{
	if (*p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else if ((p = check_digits(p, end)) == NULL)
		return NULL;

	if (p < end && *p == '.')
	{
		p = check_digits(p + 1, end);
		if (p == NULL)
			return NULL;
	}
	if (p < end && (*p == 'e' || *p == 'E'))
	{
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = check_digits(p, end);
	}
	return p;
}

/* One digit at least. */
static const char *
check_digits(const char *p, const char *end)
{
	const char *begin = p;

	while (p < end && is_digit(*p))
		p++;
	return p > begin ? p : NULL;
}

/* p is at the opening quote, here and in skip_string(). */
static const char *
check_string(const char *p, const char *end)
{
	p++;
	for (;;)
	{
		p = skip_plain(p, end);
		if (p == end)
			return NULL;
		if (*p == '"')
			return p + 1;
		if (*p != '\\')
			return NULL;		/* a raw control character */
		p = check_escape(p + 1, end);
		if (p == NULL)
			return NULL;
	}
}

/* p is behind the backslash. */
static const char *
check_escape(const char *p, const char *end)
{
	if (p == end)
		return NULL;
	if (*p == 'u')
		return decode_hex4(p + 1, end) >= 0 ? p + 5 : NULL;
	return memchr("\"\\/bfnrt", *p, 8) != NULL ? p + 1 : NULL;
}

static const char *
skip_value(const char *p, const char *end)
{
	const char *begin = p;

	if (*p == '"')
		return skip_string(p, end);
	if (*p == '{' || *p == '[')
		return skip_container(p, end);
	while (p < end && !is_space(*p) && *p != ',' && *p != '}' && *p != ']')
		p++;
	return p > begin ? p : NULL;
}

/* Counts brackets of either kind, outside strings, until they balance. */
static const char *
skip_container(const char *p, const char *end)
{
	static const bool stops[256] = {
		['"'] = true,['{'] = true,['['] = true,['}'] = true,[']'] = true
	};
	size_t		depth = 0;

	do
	{
		while (p < end && !stops[(unsigned char) *p])
			p++;
		if (p == end)
			return NULL;
		if (*p == '"')
		{
			p = skip_string(p, end);
			if (p == NULL)
				return NULL;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else
			depth--;
		p++;
	} while (depth > 0);
	return p;
}

static const char *
skip_string(const char *p, const char *end)
{
	p++;
	for (;;)
	{
		p = skip_plain(p, end);
		if (p == end)
			return NULL;
		if (*p == '"')
			return p + 1;
		if (*p == '\\' && end - p >= 2)
			p++;
		p++;
	}
}

bool
rt_json_walk_object(RtJsonWalk *walk, const char *text, RtSpan value)
{
	return begin_walk(walk, text, value, '{');
}

bool
rt_json_walk_array(RtJsonWalk *walk, const char *text, RtSpan value)
{
	return begin_walk(walk, text, value, '[');
}

static bool
begin_walk(RtJsonWalk *walk, const char *text, RtSpan value, char bracket)
{
	if (value.len < 2 || text[value.off] != bracket)
		return false;
	walk->text = text;
	walk->pos = value.off + 1;
	walk->end = value.off + value.len - 1;
	return true;
}

bool
rt_json_walk_member(RtJsonWalk *walk, RtSpan *key, RtSpan *value)
{
	const char *end = walk->text + walk->end;
	const char *p = find_item(walk);
	const char *name = p;

	if (p == end || *p != '"' || (p = skip_string(p, end)) == NULL)
		return false;
	key->off = (uint32_t) (name - walk->text);
	key->len = (uint32_t) (p - name);

	p = skip_space(p, end);
	if (p == end || *p != ':')
		return false;
	return take_value(walk, skip_space(p + 1, end), value);
}

bool
rt_json_walk_element(RtJsonWalk *walk, RtSpan *value)
{
	return take_value(walk, find_item(walk), value);
}

/* Where the next member or element begins; the end if there is none. */
static const char *
find_item(const RtJsonWalk *walk)
{
	const char *end = walk->text + walk->end;
	const char *p = skip_space(walk->text + walk->pos, end);

	if (p < end && *p == ',')
		p = skip_space(p + 1, end);
	return p;
}

/* Reads the value at p and moves on behind it. */
static bool
take_value(RtJsonWalk *walk, const char *p, RtSpan *value)
{
	const char *end = walk->text + walk->end;
	const char *behind;

	if (p == end || (behind = skip_value(p, end)) == NULL)
		return false;
	value->off = (uint32_t) (p - walk->text);
	value->len = (uint32_t) (behind - p);
	walk->pos = (uint32_t) (behind - walk->text);
	return true;
}

RtSpan
rt_json_whole(const char *text, size_t len)
{
	size_t		begin = 0;

	while (begin < len && is_space(text[begin]))
		begin++;
	while (len > begin && is_space(text[len - 1]))
		len--;
	return (RtSpan) {(uint32_t) begin, (uint32_t) (len - begin)};
}

bool
rt_json_is_number(const char *text, RtSpan span)
{
	return span.len > 0 && (text[span.off] == '-' || is_digit(text[span.off]));
}

int64_t
rt_json_integer(const char *text, RtSpan span)
{
	int64_t		value = 0;

	if (span.len == 0)
		return -1;
	for (uint32_t i = 0; i < span.len; i++)
	{
		char		c = text[span.off + i];

		if (!is_digit(c))
			return -1;
		value = value * 10 + (c - '0');
		if (value > RT_JSON_INTEGER_MAX)
			return -1;
	}
	return value;
}

int
rt_json_string_decode(const char *text, RtSpan string, char *dst, size_t cap)
{
	const char *p;
	const char *end;
	size_t		used = 0;

	if (string.len < 2 || cap == 0)
		return -1;
	if (cap > INT_MAX)
		cap = INT_MAX;

	p = text + string.off + 1;
	end = p + string.len - 2;
	while (p < end)
	{
		const char *escape = memchr(p, '\\', end - p);
		size_t		plain = (escape != NULL ? escape : end) - p;
		int32_t		code;
		char		utf8[4];
		size_t		width;

		/* One byte of the room is the terminator's. */
		if (plain >= cap - used)
			return -1;
		memcpy(dst + used, p, plain);
		used += plain;
		if (escape == NULL)
			break;

		p = escape + 1;
		code = decode_escape(&p, end);
		if (code <= 0)
			return -1;
		width = encode_utf8(code, utf8);
		if (width >= cap - used)
			return -1;
		memcpy(dst + used, utf8, width);
		used += width;
	}
	dst[used] = '\0';
	return (int) used;
}

bool
rt_json_string_equals(const char *text, RtSpan string, const char *other)
{
	const char *p;
	const char *end;

	if (string.len < 2)
		return false;
	p = text + string.off + 1;
	end = p + string.len - 2;
	while (p < end && *other != '\0')
	{
		int32_t		code = (unsigned char) *p++;

		if (code == '\\')
			code = decode_escape(&p, end);
		if (code != (unsigned char) *other)
			return false;
		other++;
	}
	return p == end && *other == '\0';
}

/*
 * Reads the escape behind a backslash and moves behind it.  Returns the code
 * point; -1 if it is half a surrogate pair or, in unchecked text, no escape.
 */
static int32_t
decode_escape(const char **pos, const char *end)
{
	static const char plain[256] = {
		['"'] = '"',['\\'] = '\\',['/'] = '/',
		['b'] = '\b',['f'] = '\f',['n'] = '\n',['r'] = '\r',['t'] = '\t'
	};
	const char *p = *pos;
	int32_t		high;
	int32_t		low;

	if (p == end)
		return -1;
	if (*p != 'u')
	{
		*pos = p + 1;
		return plain[(unsigned char) *p] ? plain[(unsigned char) *p] : -1;
	}

	high = decode_hex4(p + 1, end);
	if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF))
		return -1;
	p += 5;
	*pos = p;
	if (high < 0xD800 || high > 0xDFFF)
		return high;

	if (end - p < 2 || p[0] != '\\' || p[1] != 'u')
		return -1;
	low = decode_hex4(p + 2, end);
	if (low < 0xDC00 || low > 0xDFFF)
		return -1;
	*pos = p + 6;
	return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* The value of four hexadecimal digits, or -1. */
static int32_t
decode_hex4(const char *p, const char *end)
{
	int32_t		code = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		char		c = p[i];

		if (is_digit(c))
			code = code * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			code = code * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			code = code * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return code;
}

/* Returns how many bytes it wrote, 1 to 4. */
static size_t
encode_utf8(int32_t code, char *dst)
{
	static const int leads[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
	size_t		width = code < 0x80 ? 1 : code < 0x800 ? 2 :
		code < 0x10000 ? 3 : 4;

	for (size_t i = width - 1; i > 0; i--)
	{
		dst[i] = (char) (0x80 | (code & 0x3F));
		code >>= 6;
	}
	dst[0] = (char) (leads[width] | code);
	return width;
}

/*
 * http_body.c
 *		Content-Length is a chunk of that size, and nothing behind it.
 *
 * What stands around chunks is read byte by byte; their content is passed on
 * as it comes.
 */
#include "src/protocol/http_body.h"
#include "src/protocol/http_char.h"

#define SIZE_MAX_VALUE (UINT64_MAX >> 8)	/* of a chunk: room for two digits more */

static bool read_byte(RtHttpBody *body, char c);
static bool read_size(RtHttpBody *body, char c);
static bool read_extension(RtHttpBody *body, char c);
static bool read_trailer(RtHttpBody *body, char c);

static bool
refuse(RtHttpBody *body, const char *reason)
{
	body->reason = reason;
	return false;
}

static bool
expect(RtHttpBody *body, bool found, RtHttpBodyState next)
{
	if (!found)
		return refuse(body, "A line of the body has no proper end.");
	body->state = next;
	return true;
}

void
rt_http_body_begin(RtHttpBody *body, const RtHttpHead *head)
{
	memset(body, 0, sizeof(*body));
	body->chunked = head->framing == RT_HTTP_CHUNKED;
	if (body->chunked)
		body->state = RT_HTTP_BODY_SIZE;
	else if (head->framing == RT_HTTP_LENGTH)
	{
		body->state = RT_HTTP_BODY_DATA;
		body->left = head->content_length;
	}
}

static void
end_data(RtHttpBody *body)
{
	body->state = body->chunked ? RT_HTTP_BODY_DATA_CR : RT_HTTP_BODY_DONE;
}

RtHttpResult
rt_http_body_read(RtHttpBody *body, const char *bytes, size_t len, size_t *used,
				  RtText *piece)
{
	size_t		i = 0;

	*piece = RT_TEXT_NONE;
	while (i < len && body->state != RT_HTTP_BODY_DONE && body->reason == NULL)
	{
		if (body->state == RT_HTTP_BODY_DATA)
		{
			size_t		have = len - i;

			*piece = (RtText) {bytes + i, have < body->left ? have : body->left};
			i += piece->len;
			body->left -= piece->len;
			body->length += piece->len;
			if (body->left == 0)
				end_data(body);
			break;
		}
		if (!read_byte(body, bytes[i]))
			break;
		i++;
	}
	*used = i;
	if (body->reason != NULL)
		return RT_HTTP_REFUSED;
	return body->state == RT_HTTP_BODY_DONE ? RT_HTTP_WHOLE : RT_HTTP_MORE;
}

RtHttpResult
rt_http_body_gather(RtHttpBody *body, char *bytes, size_t *len, size_t *kept,
					bool keep)
{
	RtHttpResult result;
	size_t		at = *kept;

	do
	{
		RtText		piece;
		size_t		used;

		result = rt_http_body_read(body, bytes + at, *len - at, &used, &piece);
		at += used;
		if (keep && piece.len > 0)
		{
			memmove(bytes + *kept, piece.ptr, piece.len);
			*kept += piece.len;
		}
	} while (result == RT_HTTP_MORE && at < *len);
	if (at > *kept)
		memmove(bytes + *kept, bytes + at, *len - at);
	*len -= at - *kept;
	return result;
}

/* A byte that is no content. */
static bool
read_byte(RtHttpBody *body, char c)
{
	switch (body->state)
	{
		case RT_HTTP_BODY_DATA_CR:
			return expect(body, c == '\r', RT_HTTP_BODY_DATA_LF);
		case RT_HTTP_BODY_DATA_LF:
			body->any_digit = false;
			body->line = 0;
			return expect(body, c == '\n', RT_HTTP_BODY_SIZE);
		case RT_HTTP_BODY_SIZE:
			return read_size(body, c);
		case RT_HTTP_BODY_SIZE_LF:
			body->line = 0;
			return expect(body, c == '\n', body->left > 0 ?
						  RT_HTTP_BODY_DATA : RT_HTTP_BODY_TRAILER);
		case RT_HTTP_BODY_LAST_LF:
			return expect(body, c == '\n', RT_HTTP_BODY_DONE);
		case RT_HTTP_BODY_TRAILER:
		case RT_HTTP_BODY_TRAILER_NAME:
		case RT_HTTP_BODY_TRAILER_VALUE:
		case RT_HTTP_BODY_TRAILER_LF:
			return read_trailer(body, c);
		default:
			return read_extension(body, c);
	}
}

static bool
read_size(RtHttpBody *body, char c)
{
	int			digit = rt_hex_value(c);

	if (digit >= 0)
	{
		if (body->left > SIZE_MAX_VALUE || ++body->line > RT_HTTP_CHUNK_LINE_MAX)
			return refuse(body, "A chunk is too long.");
		body->left = body->left * 16 + (uint64_t) digit;
		body->any_digit = true;
		return true;
	}
	if (!body->any_digit)
		return refuse(body, "A chunk does not begin with its size.");
	body->state = RT_HTTP_BODY_EXTENSION_END;
	return read_extension(body, c);
}

/* What makes a difference behind the size of a chunk. */
typedef enum CharKind
{
	KIND_TOKEN,
	KIND_BLANK,
	KIND_SEMICOLON,
	KIND_EQUALS,
	KIND_QUOTE,
	KIND_BACKSLASH,
	KIND_CR,
	KIND_OTHER,
	KIND_CONTROL,
	KINDS
} CharKind;

static CharKind
kind_of(char c)
{
	switch (c)
	{
		case ';':
			return KIND_SEMICOLON;
		case '=':
			return KIND_EQUALS;
		case '"':
			return KIND_QUOTE;
		case '\\':
			return KIND_BACKSLASH;
		case '\r':
			return KIND_CR;
		default:
			break;
	}
	if (rt_is_blank(c))
		return KIND_BLANK;
	if (rt_is_control(c))
		return KIND_CONTROL;
	return rt_is_token_char(c) ? KIND_TOKEN : KIND_OTHER;
}

#define EXT(name) RT_HTTP_BODY_EXTENSION_##name

/*
 * *( ";" name [ "=" ( token / quoted-string ) ] ) CR: from where, by which
 * kind, to where; 0 = not at all.  RFC 9112 (7.1.1) has recipients remove
 * blanks in between, but nobody sends them, and not everybody removes them.
 */
static const uint8_t extension_steps[][KINDS] = {
	[RT_HTTP_BODY_EXTENSION] = {
		[KIND_TOKEN] = EXT(NAME)
	},
	[EXT(NAME)] = {
		[KIND_TOKEN] = EXT(NAME), [KIND_EQUALS] = EXT(EQUALS),
		[KIND_SEMICOLON] = RT_HTTP_BODY_EXTENSION, [KIND_CR] = RT_HTTP_BODY_SIZE_LF
	},
	[EXT(EQUALS)] = {
		[KIND_TOKEN] = EXT(VALUE), [KIND_QUOTE] = EXT(QUOTED)
	},
	[EXT(VALUE)] = {
		[KIND_TOKEN] = EXT(VALUE),
		[KIND_SEMICOLON] = RT_HTTP_BODY_EXTENSION, [KIND_CR] = RT_HTTP_BODY_SIZE_LF
	},
	[EXT(QUOTED)] = {
		[KIND_TOKEN] = EXT(QUOTED), [KIND_BLANK] = EXT(QUOTED),
		[KIND_SEMICOLON] = EXT(QUOTED), [KIND_EQUALS] = EXT(QUOTED),
		[KIND_OTHER] = EXT(QUOTED), [KIND_BACKSLASH] = EXT(ESCAPED),
		[KIND_QUOTE] = EXT(END)
	},
	[EXT(ESCAPED)] = {
		[KIND_TOKEN] = EXT(QUOTED), [KIND_BLANK] = EXT(QUOTED),
		[KIND_SEMICOLON] = EXT(QUOTED), [KIND_EQUALS] = EXT(QUOTED),
		[KIND_OTHER] = EXT(QUOTED), [KIND_BACKSLASH] = EXT(QUOTED),
		[KIND_QUOTE] = EXT(QUOTED)
	},
	[EXT(END)] = {
		[KIND_SEMICOLON] = RT_HTTP_BODY_EXTENSION, [KIND_CR] = RT_HTTP_BODY_SIZE_LF
	}
};

/* Nobody knows any extension. */
static bool
read_extension(RtHttpBody *body, char c)
{
	uint8_t		next = extension_steps[body->state][kind_of(c)];

	if (next == 0)
		return refuse(body, "The line of a chunk is not written as it must be.");
	if (next != RT_HTTP_BODY_SIZE_LF && ++body->line > RT_HTTP_CHUNK_LINE_MAX)
		return refuse(body, "The line of a chunk is too long.");
	body->state = (RtHttpBodyState) next;
	return true;
}

static bool
read_trailer(RtHttpBody *body, char c)
{
	if (++body->line > RT_HTTP_TRAILERS_MAX)
		return refuse(body, "There are too many headers behind the body.");
	switch (body->state)
	{
		case RT_HTTP_BODY_TRAILER:
			if (c == '\r')
			{
				body->state = RT_HTTP_BODY_LAST_LF;
				return true;
			}
			body->state = RT_HTTP_BODY_TRAILER_NAME;
			return rt_is_token_char(c) || refuse(body, "The name of a header is no token.");
		case RT_HTTP_BODY_TRAILER_NAME:
			if (c == ':')
				body->state = RT_HTTP_BODY_TRAILER_VALUE;
			else if (!rt_is_token_char(c))
				return refuse(body, "The name of a header is no token.");
			return true;
		case RT_HTTP_BODY_TRAILER_VALUE:
			if (c == '\r')
				body->state = RT_HTTP_BODY_TRAILER_LF;
			else if (rt_is_control(c))
				return refuse(body, "There is a control character behind the body.");
			return true;
		default:
			return expect(body, c == '\n', RT_HTTP_BODY_TRAILER);
	}
}

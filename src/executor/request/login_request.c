/*
 * login_request.c
 *		What an authenticate hook is told of who wants to come in.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "src/executor/request/login_request.h"
#include "src/protocol/http_char.h"
#include "src/protocol/http_target.h"
#include "src/protocol/http_token.h"


/* ---- members of objects ---- */

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, const char *text, size_t len)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text);
	value.val.string.len = (int) len;
	pushJsonbValue(state, token, &value);
}

static void
begin_object(JsonbParseState **state, const char *name)
{
	push_text(state, WJB_KEY, name, strlen(name));
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
}

/* A member that is null unless there is a text. */
static void
push_member(JsonbParseState **state, const char *name, RtText text)
{
	JsonbValue	null = {.type = jbvNull};

	push_text(state, WJB_KEY, name, strlen(name));
	if (text.ptr != NULL)
		push_text(state, WJB_VALUE, text.ptr, text.len);
	else
		pushJsonbValue(state, WJB_VALUE, &null);
}

static void
push_null_member(JsonbParseState **state, const char *name)
{
	push_member(state, name, RT_TEXT_NONE);
}

/* ---- headers ---- */

static RtText
to_utf8(const char *bytes, size_t len)
{
	char	   *converted;

	if (pg_verify_mbstr(PG_UTF8, bytes, (int) len, true))
		return (RtText) {bytes, len};
	converted = pg_any_to_server(pnstrdup(bytes, len), (int) len, PG_LATIN1);
	return RT_TEXT(converted);
}

static bool
have_the_same_name(const RtHttpHead *head, int a, int b)
{
	RtText		left = rt_http_text(head, head->fields[a].name);
	RtText		right = rt_http_text(head, head->fields[b].name);

	return left.len == right.len && pg_strncasecmp(left.ptr, right.ptr, left.len) == 0;
}

static bool
is_repeated(const RtHttpHead *head, int number)
{
	for (int i = 0; i < number; i++)
	{
		if (have_the_same_name(head, i, number))
			return true;
	}
	return false;
}

/* The values of all headers of a name, as one (RFC 9110, 5.3). */
static RtText
joined_values(const RtHttpHead *head, int first)
{
	bool		is_cookie = rt_http_is(rt_http_text(head, head->fields[first].name), "cookie");
	StringInfoData values;

	initStringInfo(&values);
	for (int i = first; i < head->field_count; i++)
	{
		RtText		value = rt_http_text(head, head->fields[i].value);

		if (i > first && !have_the_same_name(head, first, i))
			continue;
		if (i > first)
			appendStringInfoString(&values, is_cookie ? "; " : ", ");
		appendBinaryStringInfo(&values, value.ptr, (int) value.len);
	}
	return to_utf8(values.data, values.len);
}

static void
push_each_header(JsonbParseState **state, const RtHttpHead *head)
{
	for (int i = 0; i < head->field_count; i++)
	{
		RtText		name = rt_http_text(head, head->fields[i].name);
		RtText		value;

		if (is_repeated(head, i))
			continue;
		value = joined_values(head, i);
		push_text(state, WJB_KEY, asc_tolower(name.ptr, name.len), name.len);
		push_text(state, WJB_VALUE, value.ptr, value.len);
	}
}

static void
push_headers(JsonbParseState **state, const RtHttpHead *head)
{
	begin_object(state, "headers");
	push_each_header(state, head);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

Jsonb *
rt_headers_write(const RtHttpHead *head)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_each_header(&state, head);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---- cookies and query ---- */

typedef struct Pair
{
	RtText		name;
	RtText		value;
} Pair;

static List *
add_pair(List *pairs, RtText name, RtText value)
{
	Pair	   *pair = palloc(sizeof(Pair));

	*pair = (Pair) {name, value};
	return lappend(pairs, pair);
}

/* Of several with one name jsonb keeps the last: it gets the first. */
static void
push_pairs(JsonbParseState **state, const char *name, const List *pairs)
{
	begin_object(state, name);
	for (int i = list_length(pairs) - 1; i >= 0; i--)
	{
		const Pair *pair = list_nth(pairs, i);

		push_text(state, WJB_KEY, pair->name.ptr, pair->name.len);
		push_text(state, WJB_VALUE, pair->value.ptr, pair->value.len);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static bool
is_escape(RtText text, size_t at)
{
	return text.len - at >= 3 && rt_hex_value(text.ptr[at + 1]) >= 0 &&
		rt_hex_value(text.ptr[at + 2]) >= 0;
}

/* Percent-encoded text, or what is written if it cannot be read as that. */
static RtText
cookie_text(RtText value)
{
	char	   *text = palloc(value.len + 1);
	size_t		n = 0;

	for (size_t i = 0; i < value.len; i++)
	{
		text[n] = value.ptr[i];
		if (text[n] == '%')
		{
			if (!is_escape(value, i))
				return value;
			text[n] = (char) (rt_hex_value(value.ptr[i + 1]) * 16 + rt_hex_value(value.ptr[i + 2]));
			i += 2;
		}
		if (text[n++] == '\0')
			return value;
	}
	return pg_verify_mbstr(PG_UTF8, text, (int) n, true) ? (RtText) {text, n} : value;
}

static void
push_cookies(JsonbParseState **state, const RtHttpHead *head)
{
	List	   *pairs = NIL;

	for (int i = 0; i < head->field_count; i++)
	{
		RtText		rest = rt_http_text(head, head->fields[i].value);
		RtText		name;
		RtText		value;

		if (!rt_http_is(rt_http_text(head, head->fields[i].name), "cookie"))
			continue;
		while (rt_http_cookie_next(&rest, &name, &value))
		{
			if (rt_http_is_token(name))
				pairs = add_pair(pairs, name, cookie_text(value));
		}
	}
	push_pairs(state, "cookies", pairs);
}

/* Returns false if it is no text. */
static bool
read_form_text(RtText *text)
{
	char	   *plain = palloc(text->len + 1);
	size_t		len;

	if (!rt_http_form_text(*text, plain, text->len, &len))
		return false;
	*text = (RtText) {plain, len};
	return true;
}

static void
push_query(JsonbParseState **state, const RtHttpHead *head)
{
	RtText		rest = rt_http_text(head, head->query);
	List	   *pairs = NIL;
	RtText		name;
	RtText		value;

	while (rt_http_query_next(&rest, &name, &value))
	{
		if (read_form_text(&name) && read_form_text(&value))
			pairs = add_pair(pairs, name, value);
	}
	push_pairs(state, "query", pairs);
}

/* ---- all of it ---- */

static const char *
method_name(RtHttpMethod method)
{
	return method == RT_HTTP_POST ? "POST" : "GET";
}

/* That jsonb can hold. */
static bool
is_text(RtText text)
{
	return text.len > 0 && memchr(text.ptr, '\0', text.len) == NULL &&
		pg_verify_mbstr(PG_UTF8, text.ptr, (int) text.len, true);
}

static void
push_head(JsonbParseState **state, const RtLoginRequest *request)
{
	const RtHttpHead *head = request->head;
	char	   *path = palloc(RT_HTTP_LINE_MAX + 2);

	push_headers(state, head);
	push_cookies(state, head);
	push_query(state, head);
	push_member(state, "path", rt_http_path(head, path, RT_HTTP_LINE_MAX + 2) < 0 ?
				RT_TEXT_NONE : to_utf8(path, strlen(path)));
	push_member(state, "method", RT_TEXT(method_name(head->method)));
	push_member(state, "body", is_text(request->body) ? request->body : RT_TEXT_NONE);
}


static void
push_no_head(JsonbParseState **state)
{
	static const char *const names[] = {"headers", "cookies", "query", "path", "method", "body"};

	for (size_t i = 0; i < lengthof(names); i++)
		push_null_member(state, names[i]);
}

static void
push_claims(JsonbParseState **state, Jsonb *claims)
{
	JsonbValue	value = {.type = jbvBinary};

	if (claims == NULL)
	{
		push_null_member(state, "claims");
		return;
	}
	push_text(state, WJB_KEY, "claims", strlen("claims"));
	value.val.binary.data = &claims->root;
	value.val.binary.len = VARSIZE(claims) - VARHDRSZ;
	pushJsonbValue(state, WJB_VALUE, &value);
}

Jsonb *
rt_login_request_write(const RtLoginRequest *request)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (request->head != NULL)
		push_head(&state, request);
	else
		push_no_head(&state);
	push_member(&state, "remote_address",
				request->remote_address.len > 0 ? request->remote_address : RT_TEXT_NONE);
	push_member(&state, "request_id", RT_TEXT(request->request_id));
	push_member(&state, "token", request->token.len > 0 ? request->token : RT_TEXT_NONE);
	push_claims(&state, request->claims);
	push_member(&state, "token_error", request->token_error);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

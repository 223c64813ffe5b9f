/*
 * set_cookie.c
 *		realtime.set_cookie(): cookies that go with an answer over HTTP (RFC
 *		6265, 4.1).
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/executor/request/set_cookie.h"
#include "src/ipc/request.h"
#include "src/protocol/http.h"
#include "src/protocol/http_char.h"

/* Positions of parameters, as in src/sql */
enum
{
	COOKIE_NAME,
	COOKIE_VALUE,
	COOKIE_MAX_AGE,
	COOKIE_PATH,
	COOKIE_DOMAIN,
	COOKIE_HTTP_ONLY,
	COOKIE_SECURE,
	COOKIE_SAME_SITE
};

static struct
{
	bool		wanted;
	size_t		len;
	char		text[RT_LOGIN_HEADERS_MAX];
}			cookies;

PG_FUNCTION_INFO_V1(realtime_set_cookie);

void
rt_set_cookies_begin(bool wanted)
{
	cookies.wanted = wanted;
	cookies.len = 0;
}

void
rt_set_cookies_end(void)
{
	cookies.wanted = false;
}

RtText
rt_set_cookies(void)
{
	return (RtText) {cookies.text, cookies.len};
}

/* ---- what can stand in a cookie ---- */

pg_noreturn static void
refuse(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s of a cookie is not valid", what),
			 errdetail_internal("%s", detail)));
}

/* NULL stays. */
static char *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

static bool
bool_argument(FunctionCallInfo fcinfo, int number)
{
	return !PG_ARGISNULL(number) && PG_GETARG_BOOL(number);
}

static char *
checked_name(FunctionCallInfo fcinfo)
{
	char	   *name = text_argument(fcinfo, COOKIE_NAME);

	if (name == NULL || !rt_http_is_token(RT_TEXT(name)))
		refuse("name", "It is made of letters, digits and some of !#$%&'*+-.^_`|~.");
	return name;
}

/* An attribute's value, which the next semicolon ends. */
static char *
checked_attribute(FunctionCallInfo fcinfo, int number, const char *what)
{
	char	   *value = text_argument(fcinfo, number);

	for (const char *c = value; c != NULL && *c != '\0'; c++)
	{
		if (*c <= ' ' || *c >= 0x7F || *c == ';')
			refuse(what, "It is made of printable ASCII without blanks and semicolons.");
	}
	return value;
}

static const char *
checked_same_site(FunctionCallInfo fcinfo, bool secure)
{
	static const char *const values[] = {"Strict", "Lax", "None"};
	char	   *value = text_argument(fcinfo, COOKIE_SAME_SITE);

	if (value == NULL)
		return NULL;
	for (size_t i = 0; i < lengthof(values); i++)
	{
		if (pg_strcasecmp(value, values[i]) != 0)
			continue;
		if (i == 2 && !secure)
			refuse("same_site", "None needs secure.");
		return values[i];
	}
	refuse("same_site", "It is Strict, Lax or None.");
}

/* ---- writing ---- */

/* As encodeURIComponent() does it. */
static void
append_value(StringInfo out, const char *value)
{
	for (; *value != '\0'; value++)
	{
		if (rt_is_letter(*value) || rt_is_digit(*value) || strchr("-_.!~*'()", *value) != NULL)
			appendStringInfoChar(out, *value);
		else
			appendStringInfo(out, "%%%02X", (unsigned char) *value);
	}
}

/* At least 0, which ends a cookie. */
static int64
seconds_of(const Interval *interval)
{
	int64		days = (int64) interval->month * DAYS_PER_MONTH + interval->day;
	int64		seconds = interval->time / USECS_PER_SEC;

	return Max(0, seconds + days * SECS_PER_DAY);
}

static void
append_attributes(StringInfo out, FunctionCallInfo fcinfo)
{
	char	   *path = checked_attribute(fcinfo, COOKIE_PATH, "path");
	char	   *domain = checked_attribute(fcinfo, COOKIE_DOMAIN, "domain");
	bool		secure = bool_argument(fcinfo, COOKIE_SECURE);
	const char *same_site = checked_same_site(fcinfo, secure);

	if (PG_ARGISNULL(COOKIE_VALUE))
		appendStringInfoString(out, "; Max-Age=0");
	else if (!PG_ARGISNULL(COOKIE_MAX_AGE))
		appendStringInfo(out, "; Max-Age=" INT64_FORMAT,
						 seconds_of(PG_GETARG_INTERVAL_P(COOKIE_MAX_AGE)));
	if (path != NULL)
		appendStringInfo(out, "; Path=%s", path);
	if (domain != NULL)
		appendStringInfo(out, "; Domain=%s", domain);
	if (secure)
		appendStringInfoString(out, "; Secure");
	if (bool_argument(fcinfo, COOKIE_HTTP_ONLY))
		appendStringInfoString(out, "; HttpOnly");
	if (same_site != NULL)
		appendStringInfo(out, "; SameSite=%s", same_site);
}

Datum
realtime_set_cookie(PG_FUNCTION_ARGS)
{
	char	   *value = text_argument(fcinfo, COOKIE_VALUE);
	StringInfoData header;

	initStringInfo(&header);
	appendStringInfo(&header, "Set-Cookie: %s=", checked_name(fcinfo));
	if (value != NULL)
		append_value(&header, value);
	append_attributes(&header, fcinfo);
	appendStringInfoString(&header, "\r\n");
	if (!cookies.wanted)
		PG_RETURN_BOOL(false);
	if (header.len > sizeof(cookies.text) - cookies.len)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cookies of an answer are too long"),
				 errdetail("Together they have at most %d bytes.", RT_LOGIN_HEADERS_MAX)));
	memcpy(cookies.text + cookies.len, header.data, header.len);
	cookies.len += header.len;
	PG_RETURN_BOOL(true);
}

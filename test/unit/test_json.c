/*
 * test_json.c
 *		src/protocol/json.c against valid, invalid and hostile texts.
 */
#include "src/protocol/json.h"
#include "test/unit/unit.h"

static const char *const valid[] = {
	"null", "true", "false", "0", "-0", "1", "-1", "10", "0.0", "-0.5",
	"1e5", "1E5", "1e+5", "1e-5", "1.25e10", "0e0",
	"123456789012345678901234567890", "1e999999",
	"\"\"", "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"",
	"\"\\uD83D\\uDE00\"", "\"\\ud800\"", "\"\\uABCD\\uabcd\"",
	"\"\x7f\"", "\"\xc3\xa9\"", "\"\xff\"", "\"/\"",
	"\"0123456789abcdef0123456789abcdef\"",
	"\"01234567\\n9abcdef01234567\\\\\"",
	"[]", "[ ]", "[1]", "[1,2]", " [ 1 , 2 ] ", "[[]]", "[[],[]]",
	"[{},[],\"\",0,null]", "{}", "{ }", "{\"a\":1}", "{\"\":\"\"}",
	" { \"a\" : 1 , \"b\" : [ ] } ", "{\"a\":{\"b\":{\"c\":[{}]}}}",
	"{\"a\":1,\"a\":2}", "\t\r\n 1 \n\r\t", "{\"a\\u0000\":1}",
	"[true,false,null]", "[\"]\",\"}\",\"[\"]"
};

static const char *const invalid[] = {
	"", " ", "nul", "nulll", "Null", "TRUE", "tru", "falsey", "t", "n",
	"-", "+1", "01", "-01", "00", "1.", ".5", "1.e5", "1e", "1e+", "1e-",
	"0x10", "1a", "1 2", "--1", "- 1", "1.2.3", "1e5.5", "Infinity", "NaN",
	"-Infinity", "\"", "\"a", "a\"", "'a'", "\"\\", "\"\\\"", "\"\\x\"",
	"\"\\u\"", "\"\\u12\"", "\"\\u123\"", "\"\\u123g\"", "\"\\u 123\"",
	"\"\\uD83D\\u\"", "\"\\U0041\"", "\"\\a\"", "\"\\'\"", "\"\n\"",
	"\"\t\"", "\"\x01\"", "\"\x1f\"", "\"01234567\x1f\"", "\"a\" \"b\"",
	"[", "]", "[1", "[1,", "[,]", "[,1]", "[1,]", "[1,,2]", "[1 2]",
	"[1]]", "[[1]", "[}", "[1}", "{", "}", "{]", "{\"a\":1]", "{a:1}",
	"{1:1}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{\"a\":1,}", "{,}",
	"{\"a\":1,,\"b\":2}", "{\"a\":1 \"b\":2}", "{\"a\":1}}", "{\"a\"::1}",
	"{\"a\":1", "{\"a\":", "{\"a\"", "{\"a", "{\"", "{null:1}", "{[]:1}",
	"[1]x", "x[1]", "{}{}", "[][]", ",", ":", "/**/1", "1//",
	"\xef\xbb\xbf""1",
	"\v1", "\f1", "\xc2\xa0""1", "[\"a\\\"]", "{\"a\":\"\\\"}", "[-]", "[+]"
};

/* In exactly the memory that it takes, so that ASan sees what reads beyond. */
static RtJsonStatus
check_text(const char *text, size_t len, int max_depth)
{
	char	   *copy = unit_copy(text, len);
	RtJsonStatus status = rt_json_check(copy, len, max_depth);

	free(copy);
	return status;
}

static RtJsonStatus
check(const char *text)
{
	return check_text(text, strlen(text), 64);
}

/* n times the opening text and n times the closing text. */
static char *
nest(const char *open, const char *inside, const char *close, size_t n)
{
	size_t		len = (strlen(open) + strlen(close)) * n + strlen(inside);
	char	   *text = malloc(len + 1);
	char	   *p = text;

	for (size_t i = 0; i < n; i++)
		p = stpcpy(p, open);
	p = stpcpy(p, inside);
	for (size_t i = 0; i < n; i++)
		p = stpcpy(p, close);
	*p = '\0';
	return text;
}

static RtJsonStatus
check_nested(const char *open, const char *inside, const char *close,
			 size_t n, int max_depth)
{
	char	   *text = nest(open, inside, close, n);
	RtJsonStatus status = check_text(text, strlen(text), max_depth);

	free(text);
	return status;
}

static RtSpan
span_of(const char *text)
{
	return rt_json_whole(text, strlen(text));
}

static bool
span_is(const char *text, RtSpan span, const char *expected)
{
	return span.len == strlen(expected) &&
		memcmp(text + span.off, expected, span.len) == 0;
}

static void
accepts_json(void)
{
	for (size_t i = 0; i < COUNT_OF(valid); i++)
		CHECK_CASE(check(valid[i]) == RT_JSON_OK, valid[i]);
}

static void
refuses_what_is_not_json(void)
{
	for (size_t i = 0; i < COUNT_OF(invalid); i++)
		CHECK_CASE(check(invalid[i]) == RT_JSON_INVALID, invalid[i]);
	CHECK(check_text("1\0", 2, 64) == RT_JSON_INVALID);
	CHECK(check_text("\"\0\"", 3, 64) == RT_JSON_INVALID);
	CHECK(check_text("\0", 1, 64) == RT_JSON_INVALID);
	CHECK(rt_json_check(NULL, 0, 64) == RT_JSON_INVALID);
}

/* No proper beginning of an object, array or string is JSON. */
static void
refuses_every_truncation(void)
{
	static const char text[] =
		"{\"a\":[1,-2.5e+10,true,false,null,\"x\\u00e9\\n\\\\\",{\"b\":{}}],"
		"\"long enough for a word at a time\":\"0123456789abcdef\"}";

	for (size_t len = 0; len < strlen(text); len++)
		CHECK(check_text(text, len, 64) == RT_JSON_INVALID);
	CHECK(check(text) == RT_JSON_OK);
}

/* The same in the part that is too deep to be checked. */
static void
refuses_every_truncation_in_the_deep(void)
{
	static const char text[] = "[{\"a\":[\"\\\\\",\"]\\\"\",{\"b\":1}]}]";

	for (size_t len = 0; len < strlen(text); len++)
		CHECK(check_text(text, len, 1) == RT_JSON_INVALID);
	CHECK(check_text(text, strlen(text), 1) == RT_JSON_TOO_DEEP);
	CHECK(check_text(text, strlen(text), 0) == RT_JSON_TOO_DEEP);
	CHECK(check_text(text, strlen(text), -1) == RT_JSON_TOO_DEEP);
	CHECK(check_text(text, strlen(text), 3) == RT_JSON_TOO_DEEP);
	CHECK(check_text(text, strlen(text), 4) == RT_JSON_OK);
}

static void
replaces_every_byte(void)
{
	static const char text[] = "{\"a\":[1,\"x\\u00e9\",{}],\"b\":-1.5e3}";
	size_t		len = strlen(text);

	/* No result is expected: the sanitizers watch. */
	for (size_t i = 0; i < len; i++)
	{
		for (int byte = 0; byte < 256; byte++)
		{
			char	   *copy = unit_copy(text, len);

			copy[i] = (char) byte;
			(void) rt_json_check(copy, len, 64);
			(void) rt_json_check(copy, len, 1);
			free(copy);
		}
	}
	CHECK(true);
}

static void
counts_depth(void)
{
	CHECK(check_text("1", 1, 0) == RT_JSON_OK);
	CHECK(check_text("[]", 2, 0) == RT_JSON_TOO_DEEP);
	CHECK(check_text("[]", 2, 1) == RT_JSON_OK);
	CHECK(check_text("[[]]", 4, 1) == RT_JSON_TOO_DEEP);
	CHECK(check_text("[[]]", 4, 2) == RT_JSON_OK);
	CHECK(check_text("[[],[[]]]", 9, 2) == RT_JSON_TOO_DEEP);
	for (int depth = 1; depth <= 200; depth++)
	{
		CHECK(check_nested("[", "", "]", depth, depth) == RT_JSON_OK);
		CHECK(check_nested("{\"a\":", "1", "}", depth, depth) == RT_JSON_OK);
		CHECK(check_nested("[{\"a\":", "1", "}]", depth, depth * 2) ==
			  RT_JSON_OK);
		CHECK(check_nested("[{\"a\":", "1", "}]", depth, depth * 2 - 1) ==
			  RT_JSON_TOO_DEEP);
		CHECK(check_nested("[{\"a\":", "1", "]}", depth, depth * 2) ==
			  RT_JSON_INVALID);
	}
}

static void
survives_deep_nesting(void)
{
	CHECK(check_nested("[", "", "]", 1024, 1024) == RT_JSON_OK);
	CHECK(check_nested("{\"a\":", "1", "}", 1024, 1024) == RT_JSON_OK);
	CHECK(check_nested("[", "", "]", 1025, 1024) == RT_JSON_TOO_DEEP);
	CHECK(check_nested("[", "", "]", 1025, 1025) == RT_JSON_TOO_DEEP);
	CHECK(check_nested("[", "", "]", 1025, 1 << 30) == RT_JSON_TOO_DEEP);
	CHECK(check_nested("[", "", "]", 1000000, 64) == RT_JSON_TOO_DEEP);
	CHECK(check_nested("{\"a\":", "1", "}", 1000000, 64) == RT_JSON_TOO_DEEP);
	CHECK(check_nested("[", "", "", 1000000, 64) == RT_JSON_INVALID);
	CHECK(check_nested("[", "", "", 1000, 1024) == RT_JSON_INVALID);
	CHECK(check_nested("", "", "]", 1000, 1024) == RT_JSON_INVALID);
}

/* Below max_depth only balance counts; above it everything does. */
static void
counts_brackets_in_the_deep(void)
{
	CHECK(check_text("[[,]]", 5, 1) == RT_JSON_TOO_DEEP);
	CHECK(check_text("[[}]", 4, 1) == RT_JSON_TOO_DEEP);
	CHECK(check_text("[[,],]", 6, 1) == RT_JSON_INVALID);
	CHECK(check_text("[[],1]", 6, 1) == RT_JSON_TOO_DEEP);
	CHECK(check_text("[[]]]", 5, 1) == RT_JSON_INVALID);
	CHECK(check_text("[[[]]", 5, 1) == RT_JSON_INVALID);
	CHECK(check_text("[[\"]\"]]", 7, 1) == RT_JSON_TOO_DEEP);
	CHECK(check_text("[[\"\\\"]\"]]", 9, 1) == RT_JSON_TOO_DEEP);
	CHECK(check_text("[[\"]]", 5, 1) == RT_JSON_INVALID);
	CHECK(check_text("[[]}", 4, 1) == RT_JSON_INVALID);
	CHECK(check_text("{\"a\":[],}", 9, 1) == RT_JSON_INVALID);
}

static void
walks_members(void)
{
	static const char text[] =
		" { \"a\" : 1 , \"b\":[1,{\"c\":\"]}\"}], \"a\":\"\\\"}\",\"\":null} ";
	static const char *const keys[] = {"\"a\"", "\"b\"", "\"a\"", "\"\""};
	static const char *const values[] = {
		"1", "[1,{\"c\":\"]}\"}]", "\"\\\"}\"", "null"
	};
	RtJsonWalk	walk;
	RtSpan		key;
	RtSpan		value;
	size_t		count = 0;

	CHECK(rt_json_walk_object(&walk, text, span_of(text)));
	while (rt_json_walk_member(&walk, &key, &value) && count < 4)
	{
		CHECK(span_is(text, key, keys[count]));
		CHECK(span_is(text, value, values[count]));
		count++;
	}
	CHECK(count == 4);
	CHECK(!rt_json_walk_member(&walk, &key, &value));
	CHECK(!rt_json_walk_array(&walk, text, span_of(text)));
}

static void
walks_elements(void)
{
	static const char text[] =
		"[ 1 ,-2.5e3,\"a,b\",[ ],{} ,true,[[1],[2]],null]";
	static const char *const values[] = {
		"1", "-2.5e3", "\"a,b\"", "[ ]", "{}", "true", "[[1],[2]]", "null"
	};
	RtJsonWalk	walk;
	RtSpan		value;
	size_t		count = 0;

	CHECK(rt_json_walk_array(&walk, text, span_of(text)));
	while (rt_json_walk_element(&walk, &value) && count < COUNT_OF(values))
	{
		CHECK(span_is(text, value, values[count]));
		count++;
	}
	CHECK(count == COUNT_OF(values));
	CHECK(!rt_json_walk_element(&walk, &value));
	CHECK(!rt_json_walk_object(&walk, text, span_of(text)));
}

static void
walks_nothing(void)
{
	static const char *const empty[] = {"[]", "[ \n]", "{}", "{ }"};
	RtSpan		absent = {0, 0};
	RtJsonWalk	walk;
	RtSpan		key;
	RtSpan		value;

	for (size_t i = 0; i < COUNT_OF(empty); i++)
	{
		RtSpan		whole = span_of(empty[i]);

		if (rt_json_walk_array(&walk, empty[i], whole))
			CHECK(!rt_json_walk_element(&walk, &value));
		else if (CHECK(rt_json_walk_object(&walk, empty[i], whole)))
			CHECK(!rt_json_walk_member(&walk, &key, &value));
	}
	CHECK(!rt_json_walk_array(&walk, "1", span_of("1")));
	CHECK(!rt_json_walk_object(&walk, "\"{}\"", span_of("\"{}\"")));
	CHECK(!rt_json_walk_array(&walk, "", absent));
	CHECK(!rt_json_walk_object(&walk, "{}", absent));
}

/* Text below max_depth may be anything: walks end and stay inside. */
static void
walks_garbage(void)
{
	static const char *const garbage[] = {
		"[,,,]", "[::]", "[}]", "[1 2]", "[\"]", "[\"\\]", "[{]", "[[[]",
		"{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{\"a\":\"}", "{,}",
		"{\"a\":,}", "{\"}", "{\"\\}", "[ , ]", "[[}{]", "[", "{"
	};

	for (size_t i = 0; i < COUNT_OF(garbage); i++)
	{
		size_t		len = strlen(garbage[i]);
		char	   *text = unit_copy(garbage[i], len);
		RtSpan		whole = rt_json_whole(text, len);
		RtJsonWalk	walk;
		RtSpan		key;
		RtSpan		value;
		size_t		steps = 0;

		if (rt_json_walk_array(&walk, text, whole))
			while (steps <= len && rt_json_walk_element(&walk, &value))
				steps++;
		else if (rt_json_walk_object(&walk, text, whole))
			while (steps <= len && rt_json_walk_member(&walk, &key, &value))
				steps++;
		CHECK_CASE(steps <= len, garbage[i]);
		free(text);
	}
}

static void
finds_the_whole(void)
{
	CHECK(span_is(" \t\r\n1 ", span_of(" \t\r\n1 "), "1"));
	CHECK(span_is("[ ]", span_of("[ ]"), "[ ]"));
	CHECK(span_of("").len == 0);
	CHECK(span_of("   ").len == 0);
	CHECK(rt_json_whole(NULL, 0).len == 0);
}

static void
tells_kinds(void)
{
	static const struct
	{
		const char *text;
		char		kind;
	}			cases[] = {
		{"\"\"", 's'}, {"[]", 'a'}, {"{}", 'o'}, {"null", '0'}, {"true", 't'},
		{"false", 'f'}, {"0", 'n'}, {"9", 'n'}, {"-1", 'n'}
	};
	RtSpan		absent = {0, 0};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		const char *text = cases[i].text;
		char		kind = cases[i].kind;
		RtSpan		span = span_of(text);

		CHECK(rt_json_is_string(text, span) == (kind == 's'));
		CHECK(rt_json_is_array(text, span) == (kind == 'a'));
		CHECK(rt_json_is_object(text, span) == (kind == 'o'));
		CHECK(rt_json_is_null(text, span) == (kind == '0'));
		CHECK(rt_json_is_true(text, span) == (kind == 't'));
		CHECK(rt_json_is_number(text, span) == (kind == 'n'));
		CHECK(!rt_json_is_string(text, absent));
		CHECK(!rt_json_is_number(text, absent));
	}
}

/* Decodes in memory of exactly cap bytes. */
static int
decode(const char *text, char *copy, size_t cap)
{
	char	   *dst = malloc(cap > 0 ? cap : 1);
	int			len = rt_json_string_decode(text, span_of(text), dst, cap);

	if (len >= 0)
		memcpy(copy, dst, len + 1);
	free(dst);
	return len;
}

static void
decodes_strings(void)
{
	static const struct
	{
		const char *text;
		const char *decoded;
	}			cases[] = {
		{"\"\"", ""},
		{"\"plain\"", "plain"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
		{"\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"",
		"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
		{"\"\\uD800\\uDC00\\uDBFF\\uDFFF\"",
		"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
		{"\"a\xc3\xa9z\"", "a\xc3\xa9z"},
		{"\"x\\ny\"", "x\ny"}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		int			len = (int) strlen(cases[i].decoded);
		char		copy[64];

		/* It fits if and only if there is room for the terminator. */
		for (int cap = 0; cap <= len; cap++)
			CHECK_CASE(decode(cases[i].text, copy, cap) == -1, cases[i].text);
		CHECK_CASE(decode(cases[i].text, copy, len + 1) == len,
				   cases[i].text);
		CHECK_CASE(strcmp(copy, cases[i].decoded) == 0, cases[i].text);
	}
}

static void
decodes_no_halves(void)
{
	static const char *const refused[] = {
		"\"\\u0000\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"\\udc00\"",
		"\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"",
		"\"\\ud800\\ud800\"", "\"\\udbff\\ue000\"", "\"\\ud800\\udbff\"",
		"\"\\udfff\\ud800\""
	};
	RtSpan		absent = {0, 0};
	char		copy[64];

	for (size_t i = 0; i < COUNT_OF(refused); i++)
	{
		CHECK_CASE(check(refused[i]) == RT_JSON_OK, refused[i]);
		CHECK_CASE(decode(refused[i], copy, 64) == -1, refused[i]);
	}
	CHECK(rt_json_string_decode("", absent, copy, 64) == -1);
}

static void
compares_strings(void)
{
	static const struct
	{
		const char *text;
		const char *other;
		bool		equal;
	}			cases[] = {
		{"\"\"", "", true}, {"\"\"", "a", false}, {"\"a\"", "", false},
		{"\"type\"", "type", true}, {"\"type\"", "typ", false},
		{"\"typ\"", "type", false}, {"\"typf\"", "type", false},
		{"\"\\u0074ype\"", "type", true}, {"\"typ\\u0065\"", "type", true},
		{"\"\\u0054ype\"", "type", false}, {"\"a\\/b\"", "a/b", true},
		{"\"a\\\"b\"", "a\"b", true}, {"\"\\n\"", "\n", true},
		{"\"\\n\"", "n", false}, {"\"a\\u0000\"", "a", false},
		{"\"\\u0000\"", "", false}, {"\"\\u0174ype\"", "type", false},
		{"\"\\ud800\"", "x", false}, {"\"\\ud83d\\ude00\"", "x", false}
	};
	RtSpan		absent = {0, 0};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		CHECK_CASE(rt_json_string_equals(cases[i].text,
										 span_of(cases[i].text),
										 cases[i].other) == cases[i].equal,
				   cases[i].text);
	CHECK(!rt_json_string_equals("", absent, ""));
}

/* Cut anywhere, a string of the unchecked part is read no further. */
static void
reads_cut_strings(void)
{
	static const char text[] = "\"a\\ud83d\\ude00\\n\\u00e9\"";

	for (size_t len = 0; len <= strlen(text); len++)
	{
		char	   *copy = unit_copy(text, len);
		RtSpan		span = {0, (uint32_t) len};
		char		dst[64];

		CHECK(rt_json_string_decode(copy, span, dst, sizeof(dst)) < 64);
		CHECK(!rt_json_string_equals(copy, span, "b"));
		free(copy);
	}
}

static void
reads_integers(void)
{
	static const struct
	{
		const char *text;
		int64_t		value;
	}			cases[] = {
		{"0", 0}, {"1", 1}, {"4294967297", 4294967297},
		{"9007199254740991", 9007199254740991}, {"9007199254740992", -1},
		{"99999999999999999999999999", -1}, {"-1", -1}, {"-0", -1},
		{"1.0", -1}, {"1e3", -1}, {"true", -1}, {"\"1\"", -1}, {"null", -1}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		size_t		len = strlen(cases[i].text);
		char	   *copy = unit_copy(cases[i].text, len);

		CHECK_CASE(rt_json_integer(copy, (RtSpan) {0, (uint32_t) len}) ==
				   cases[i].value, cases[i].text);
		free(copy);
	}
	CHECK(rt_json_integer("1", (RtSpan) {0, 0}) == -1);
}

int
main(void)
{
	RUN(accepts_json);
	RUN(refuses_what_is_not_json);
	RUN(refuses_every_truncation);
	RUN(refuses_every_truncation_in_the_deep);
	RUN(replaces_every_byte);
	RUN(counts_depth);
	RUN(survives_deep_nesting);
	RUN(counts_brackets_in_the_deep);
	RUN(walks_members);
	RUN(walks_elements);
	RUN(walks_nothing);
	RUN(walks_garbage);
	RUN(finds_the_whole);
	RUN(tells_kinds);
	RUN(decodes_strings);
	RUN(decodes_no_halves);
	RUN(compares_strings);
	RUN(reads_cut_strings);
	RUN(reads_integers);
	return unit_done();
}

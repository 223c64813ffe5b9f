/*
 * test_topic.c
 *		src/protocol/topic.c: names, templates, the percent codec.
 */
#include "src/protocol/topic.h"
#include "test/unit/unit.h"

static char *
repeat(const char *begin, char c, size_t count)
{
	size_t		len = strlen(begin);
	char	   *text = malloc(len + count + 1);

	strcpy(text, begin);
	memset(text + len, c, count);
	text[len + count] = '\0';
	return text;
}

static bool
topic_is_valid(const char *topic, size_t len)
{
	char	   *copy = unit_copy(topic, len);
	bool		result = rt_topic_is_valid(copy, len);

	free(copy);
	return result;
}

static bool
event_is_valid(const char *event, size_t len)
{
	char	   *copy = unit_copy(event, len);
	bool		result = rt_event_is_valid(copy, len);

	free(copy);
	return result;
}

static void
judges_topics(void)
{
	char	   *longest = repeat("", 't', RT_TOPIC_MAX);
	char	   *too_long = repeat("", 't', RT_TOPIC_MAX + 1);

	for (int byte = 0; byte < 256; byte++)
	{
		char		topic[3] = {'a', (char) byte, 'b'};
		bool		good = byte >= 0x20 && byte <= 0x7E && byte != '"' &&
			byte != '\\';

		CHECK(topic_is_valid(topic, 3) == good);
		CHECK(topic_is_valid(topic + 1, 1) == good);
	}
	CHECK(!topic_is_valid("", 0));
	CHECK(!rt_topic_is_valid(NULL, 0));
	CHECK(rt_signal_names_user("J\xc3\xb6rg~", 6) && !rt_signal_names_user("", 0));
	CHECK(!rt_signal_names_user("a\"", 2) && !rt_signal_names_user("a\\", 2) &&
		  !rt_signal_names_user("\x1f", 1) && !rt_signal_names_user("\x7f", 1));
	CHECK(topic_is_valid("chat:{room} 1/2", 15));
	CHECK(topic_is_valid(longest, RT_TOPIC_MAX));
	CHECK(!topic_is_valid(too_long, RT_TOPIC_MAX + 1));
	free(longest);
	free(too_long);
}

static void
knows_system_topics(void)
{
	CHECK(rt_topic_is_system("__rpc", 5));
	CHECK(rt_topic_is_system("__", 2));
	CHECK(!rt_topic_is_system("_", 1));
	CHECK(!rt_topic_is_system("_a_", 3));
	CHECK(!rt_topic_is_system("a__", 3));
	CHECK(!rt_topic_is_system("", 0));
}

static void
judges_events(void)
{
	static const char *const good[] = {
		"created", "a b", "{}", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
		"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"
	};
	static const char *const bad[] = {
		"", "a\"", "\\", "\n", "\x01", "\x1f", "\x7f", "\x80", "\xbf", "\xc3",
		"\xc3(", "\xc0\x80", "\xc1\xbf", "\xe2\x82", "\xe2\x82(",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xf0\x9f\x98", "\xf0\x9f\x98(", "\xff", "\xfe"
	};
	char	   *longest = repeat("", 'e', RT_EVENT_MAX);
	char	   *too_long = repeat("", 'e', RT_EVENT_MAX + 1);

	for (size_t i = 0; i < COUNT_OF(good); i++)
		CHECK_CASE(event_is_valid(good[i], strlen(good[i])), good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		CHECK_CASE(!event_is_valid(bad[i], strlen(bad[i])), bad[i]);
	CHECK(!event_is_valid("a\0b", 3));
	CHECK(event_is_valid(longest, RT_EVENT_MAX));
	CHECK(!event_is_valid(too_long, RT_EVENT_MAX + 1));
	free(longest);
	free(too_long);
}

static RtTemplateFault
check_template(const char *tpl)
{
	char	   *copy = unit_copy(tpl, strlen(tpl));
	RtTemplateFault fault = rt_template_check(copy, strlen(tpl));

	free(copy);
	return fault;
}

static void
judges_templates(void)
{
	static const struct
	{
		const char *tpl;
		RtTemplateFault fault;
	}			cases[] = {
		{"chat", RT_TEMPLATE_OK}, {"chat:{room}", RT_TEMPLATE_OK},
		{"{a}", RT_TEMPLATE_OK}, {"{a}:{b}", RT_TEMPLATE_OK},
		{"x{a}y", RT_TEMPLATE_OK}, {"{a}-:{b}", RT_TEMPLATE_OK},
		{"{a} {b}/{c}", RT_TEMPLATE_OK}, {"{1}:{2}:{999}", RT_TEMPLATE_OK},
		{"{{{a}}}", RT_TEMPLATE_OK}, {"{{a}}", RT_TEMPLATE_OK},
		{"{a}{{{b}", RT_TEMPLATE_OK}, {"}}{{", RT_TEMPLATE_OK},
		{"{_a}:{A9_}", RT_TEMPLATE_OK}, {"{a}:{A}", RT_TEMPLATE_OK},
		{"", RT_TEMPLATE_EMPTY},
		{"a\"b", RT_TEMPLATE_BAD_CHARACTER},
		{"a\\b", RT_TEMPLATE_BAD_CHARACTER},
		{"a\nb", RT_TEMPLATE_BAD_CHARACTER},
		{"\xc3\xa9", RT_TEMPLATE_BAD_CHARACTER},
		{"a\x7f", RT_TEMPLATE_BAD_CHARACTER},
		{"100%:{a}", RT_TEMPLATE_BAD_CHARACTER},
		{"{", RT_TEMPLATE_UNBALANCED}, {"}", RT_TEMPLATE_UNBALANCED},
		{"{a", RT_TEMPLATE_UNBALANCED}, {"a}", RT_TEMPLATE_UNBALANCED},
		{"{a}}", RT_TEMPLATE_UNBALANCED}, {"{{a}", RT_TEMPLATE_UNBALANCED},
		{"x{{{a", RT_TEMPLATE_UNBALANCED}, {"}{", RT_TEMPLATE_UNBALANCED},
		{"{}", RT_TEMPLATE_BAD_NAME}, {"{ a}", RT_TEMPLATE_BAD_NAME},
		{"{a b}", RT_TEMPLATE_BAD_NAME}, {"{a-b}", RT_TEMPLATE_BAD_NAME},
		{"{a.b}", RT_TEMPLATE_BAD_NAME}, {"{0}", RT_TEMPLATE_BAD_NAME},
		{"{01}", RT_TEMPLATE_BAD_NAME}, {"{1000}", RT_TEMPLATE_BAD_NAME},
		{"{1a}", RT_TEMPLATE_BAD_NAME}, {"{a{b}}", RT_TEMPLATE_BAD_NAME},
		{"{\xc3\xa9}", RT_TEMPLATE_BAD_NAME}, {"{-1}", RT_TEMPLATE_BAD_NAME},
		{"{a}:{a}", RT_TEMPLATE_TWICE}, {"{1}:{1}", RT_TEMPLATE_TWICE},
		{"{a}{a}", RT_TEMPLATE_TWICE},
		{"{a}{b}", RT_TEMPLATE_ADJACENT}, {"{a}-{b}", RT_TEMPLATE_ADJACENT},
		{"{a}x9_.-{b}", RT_TEMPLATE_ADJACENT},
		{"{a}:{b}{c}", RT_TEMPLATE_ADJACENT}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		CHECK_CASE(check_template(cases[i].tpl) == cases[i].fault,
				   cases[i].tpl);
}

static void
bounds_templates(void)
{
	char		many[256] = "";
	char	   *name = repeat("{", 'n', 63);
	char	   *long_name = repeat("{", 'n', 64);
	char	   *longest = repeat("", 't', RT_TOPIC_MAX);
	char	   *too_long = repeat("{a}", 't', RT_TOPIC_MAX);
	char	   *fits = repeat("{a}", 't', RT_TOPIC_MAX - 1);
	char	   *over = repeat("", '{', RT_TEMPLATE_MAX + 2);
	char		closed[80];

	for (int i = 1; i <= RT_PLACEHOLDERS_MAX; i++)
		sprintf(many + strlen(many), "{%d}:", i);
	CHECK(check_template(many) == RT_TEMPLATE_OK);
	strcat(many, "{x}");
	CHECK(check_template(many) == RT_TEMPLATE_TOO_MANY);

	sprintf(closed, "%s}", name);
	CHECK(check_template(closed) == RT_TEMPLATE_OK);
	sprintf(closed, "%s}", long_name);
	CHECK(check_template(closed) == RT_TEMPLATE_BAD_NAME);

	CHECK(check_template(longest) == RT_TEMPLATE_OK);
	CHECK(check_template(fits) == RT_TEMPLATE_OK);
	CHECK(check_template(too_long) == RT_TEMPLATE_TOO_LONG);
	CHECK(check_template(over) == RT_TEMPLATE_TOO_LONG);
	free(name);
	free(long_name);
	free(longest);
	free(too_long);
	free(fits);
	free(over);
}

static void
tells_every_fault(void)
{
	for (int fault = RT_TEMPLATE_OK; fault <= RT_TEMPLATE_TOO_MANY; fault++)
		CHECK(strlen(rt_template_fault_text((RtTemplateFault) fault)) > 0);
	CHECK(strlen(rt_template_fault_text((RtTemplateFault) 999)) > 0);
}

static void
finds_names(void)
{
	static const char tpl[] = "a{{:{one}:{2}/}}{three_3}";
	static const char *const expected[] = {"one", "2", "three_3"};
	RtSpan		names[RT_PLACEHOLDERS_MAX];

	CHECK(rt_template_check(tpl, strlen(tpl)) == RT_TEMPLATE_OK);
	CHECK(rt_template_names(tpl, strlen(tpl), names) == 3);
	for (int i = 0; i < 3; i++)
	{
		CHECK(names[i].len == strlen(expected[i]));
		CHECK(memcmp(tpl + names[i].off, expected[i], names[i].len) == 0);
	}
	CHECK(rt_template_names("chat{{}}", 8, names) == 0);
	CHECK(rt_template_names("", 0, names) == 0);
}

static void
measures_prefixes(void)
{
	CHECK(rt_template_prefix_len("chat:{room}", 11) == 5);
	CHECK(rt_template_prefix_len("{room}", 6) == 0);
	CHECK(rt_template_prefix_len("chat", 4) == 4);
	CHECK(rt_template_prefix_len("a{{b}}c{d}e", 11) == 5);
	CHECK(rt_template_prefix_len("", 0) == 0);
}

/* The values that a topic gives, a blank behind each; NULL if it differs. */
static const char *
match(const char *tpl, const char *topic)
{
	static char found[1024];
	char	   *tpl_copy = unit_copy(tpl, strlen(tpl));
	char	   *topic_copy = unit_copy(topic, strlen(topic));
	RtSpan		values[RT_PLACEHOLDERS_MAX];
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	bool		matches = rt_template_match(tpl_copy, strlen(tpl), topic_copy,
											strlen(topic), values);

	CHECK_CASE(matches == rt_template_match(tpl, strlen(tpl), topic,
											strlen(topic), NULL), topic);
	found[0] = '\0';
	if (matches)
	{
		int			count = rt_template_names(tpl, strlen(tpl), names);

		for (int i = 0; i < count; i++)
			sprintf(found + strlen(found), "%.*s ", (int) values[i].len,
					topic + values[i].off);
	}
	free(tpl_copy);
	free(topic_copy);
	return matches ? found : NULL;
}

static void
matches_topics(void)
{
	static const struct
	{
		const char *tpl;
		const char *topic;
		const char *values;		/* NULL if it does not match */
	}			cases[] = {
		{"chat", "chat", ""}, {"chat", "chat:", NULL}, {"chat", "cha", NULL},
		{"chat", "", NULL}, {"chat", "Chat", NULL},
		{"chat:{room}", "chat:1", "1 "}, {"chat:{room}", "chat:", NULL},
		{"chat:{room}", "chat", NULL}, {"chat:{room}", "chat:1:2", NULL},
		{"chat:{room}", "chat:a b", NULL}, {"chat:{room}", "chat:a/b", NULL},
		{"chat:{room}", "chat:a%2Fb", "a%2Fb "},
		{"chat:{room}", "chat:a%2fb", NULL},
		{"chat:{room}", "chat:%41", NULL}, {"chat:{room}", "chat:%", NULL},
		{"chat:{room}", "chat:%2", NULL}, {"chat:{room}", "chat:%GG", NULL},
		{"chat:{room}", "chat:%00", NULL}, {"chat:{room}", "chat:%FF", "%FF "},
		{"{a}", "x", "x "}, {"{a}", "", NULL}, {"{a}", ":", NULL},
		{"{a}:{b}", "1:2", "1 2 "}, {"{a}:{b}", "1:", NULL},
		{"{a}:{b}", ":2", NULL}, {"{a}:{b}", "12", NULL},
		{"{a}:{b}", "1::2", NULL}, {"{a}:{b}", "1:2:3", NULL},
		{"{a}-:{b}", "x--:y", "x- y "}, {"{a}-:{b}", "-:y", NULL},
		{"{a}-:{b}", "x:y", NULL}, {"{a}1:{b}", "%41:y", NULL},
		{"{a}1:{b}", "%3A1:y", "%3A y "}, {"{a}:x{b}", "1:xy", "1 y "},
		{"{a}:x{b}", "1:y", NULL}, {"pre{a}post", "prepost", NULL},
		{"pre{a}post", "prexpost", "x "},
		{"pre{a}post", "prepostpost", "post "},
		{"pre{a}post", "prexpostx", NULL}, {"pre{a}4", "pre%24", NULL},
		{"pre{a}4", "pre%244", "%24 "}, {"{a}aa", "aaa", "a "},
		{"{a}aa", "aa", NULL}, {"{a}:", "x:", "x "}, {"{a}:", "x", NULL},
		{"{a} : {b}", "x : y", "x y "}, {"{a}/{b}:{c}", "x/y:z", "x y z "},
		{"{{{a}}}", "{x}", "x "}, {"{{{a}}}", "x", NULL},
		{"{{}}", "{}", ""}, {"{{}}", "{{}}", NULL}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		const char *values = match(cases[i].tpl, cases[i].topic);

		CHECK_CASE(check_template(cases[i].tpl) == RT_TEMPLATE_OK,
				   cases[i].tpl);
		CHECK_CASE((values == NULL) == (cases[i].values == NULL),
				   cases[i].topic);
		CHECK_CASE(values == NULL || cases[i].values == NULL ||
				   strcmp(values, cases[i].values) == 0, cases[i].topic);
	}
}

/* A template that was never checked may match or not, but does no harm. */
static void
survives_unchecked_templates(void)
{
	static const char *const templates[] = {
		"{", "}", "{}", "{a", "a}", "{a}{b}", "{a}x{b}", "{{", "{a}{", "{a}}",
		"%{a}", "{a}%", "{a}4{b}"
	};
	static const char *const topics[] = {
		"", "a", "{", "}", "ab", "%41", "x%24y", "{a}", "axb", "%", "%4"
	};

	for (size_t i = 0; i < COUNT_OF(templates); i++)
	{
		for (size_t j = 0; j < COUNT_OF(topics); j++)
			(void) match(templates[i], topics[j]);
		(void) rt_template_prefix_len(templates[i], strlen(templates[i]));
	}
	CHECK(true);
}

static void
encodes_every_byte(void)
{
	for (int byte = 0; byte < 256; byte++)
	{
		char		c = (char) byte;
		char		encoded[4];
		char		decoded[1];
		bool		plain = byte != 0 &&
			strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_.-", byte) != NULL;
		int			len = rt_percent_encode(&c, 1, encoded, sizeof(encoded));
		char		by_hand[4];

		sprintf(by_hand, "%%%02X", byte);
		if (byte == 0)
		{
			CHECK(len == -1);
			CHECK(rt_percent_decode(by_hand, 3, decoded, 1) == -1);
			continue;
		}
		CHECK(len == (plain ? 1 : 3));
		CHECK(memcmp(encoded, plain ? &c : by_hand, len) == 0);
		CHECK(rt_percent_decode(encoded, len, decoded, 1) == 1);
		CHECK(decoded[0] == c);
		CHECK((rt_percent_decode(&c, 1, decoded, 1) == 1) == plain);
		CHECK((rt_percent_decode(by_hand, 3, decoded, 1) == 1) == !plain);
	}
}

static void
bounds_the_codec(void)
{
	static const char text[] = "a/\xc3\xa9:z";
	static const char encoded[] = "a%2F%C3%A9%3Az";
	int			text_len = (int) strlen(text);
	int			encoded_len = (int) strlen(encoded);

	for (int cap = 0; cap <= encoded_len; cap++)
	{
		char	   *dst = malloc(cap > 0 ? cap : 1);
		int			len = rt_percent_encode(text, text_len, dst, cap);

		CHECK(len == (cap < encoded_len ? -1 : encoded_len));
		CHECK(len < 0 || memcmp(dst, encoded, len) == 0);
		free(dst);
	}
	for (int cap = 0; cap <= text_len; cap++)
	{
		char	   *dst = malloc(cap > 0 ? cap : 1);
		int			len = rt_percent_decode(encoded, encoded_len, dst, cap);

		CHECK(len == (cap < text_len ? -1 : text_len));
		CHECK(len < 0 || memcmp(dst, text, len) == 0);
		free(dst);
	}
	CHECK(rt_percent_encode("", 0, NULL, 0) == 0);
	CHECK(rt_percent_decode("", 0, NULL, 0) == 0);
}

/* Cut in the middle of an escape, a text is refused and not read beyond. */
static void
refuses_truncated_escapes(void)
{
	static const char encoded[] = "a%2F%C3";

	for (size_t len = 0; len <= strlen(encoded); len++)
	{
		char	   *copy = unit_copy(encoded, len);
		char		dst[8];
		bool		whole = len < 2 || len == 4 || len == 7;

		CHECK((rt_percent_decode(copy, len, dst, sizeof(dst)) >= 0) == whole);
		free(copy);
	}
}

static void
forms_templates(void)
{
	static const char *const cases[][2] = {
		{"chat:{room}", "chat:{}"},
		{"{a}:{b}:x", "{}:{}:x"},
		{"{{{a}}}", "{{{}}}"},
		{"literal", "literal"}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		const char *tpl = cases[i][0];
		char	   *form = malloc(strlen(tpl));
		size_t		len = rt_template_form(tpl, strlen(tpl), form);

		CHECK_CASE(len == strlen(cases[i][1]) &&
				   memcmp(form, cases[i][1], len) == 0, tpl);
		free(form);
	}
}

/* What a template is filled with, matching finds again. */
static void
fills_templates(void)
{
	static const char tpl[] = "a{{{x}}}:{y}.z";
	static const char expected[] = "a{1%2F2}:%C3%A9.z";
	const char *values[] = {"1/2", "\xc3\xa9"};
	const size_t lens[] = {3, 2};
	const size_t empty[] = {3, 0};
	RtSpan		spans[2];

	for (size_t cap = 0; cap <= sizeof(expected); cap++)
	{
		char	   *topic = malloc(cap > 0 ? cap : 1);
		int			len = rt_template_fill(tpl, strlen(tpl), values, lens,
										   topic, cap);

		CHECK(len == (cap < strlen(expected) ? -1 : (int) strlen(expected)));
		if (len > 0)
		{
			CHECK(memcmp(topic, expected, (size_t) len) == 0);
			CHECK(rt_template_match(tpl, strlen(tpl), topic, (size_t) len, spans));
			CHECK(spans[0].off == 2 && spans[0].len == 5);
		}
		CHECK(rt_template_fill(tpl, strlen(tpl), values, empty, topic, cap) == -1);
		free(topic);
	}
}

static bool
pattern_matches(const char *pattern, const char *text)
{
	return rt_pattern_match(pattern, strlen(pattern), text, strlen(text));
}

static void
matches_patterns(void)
{
	CHECK(pattern_matches("orders:7", "orders:7"));
	CHECK(!pattern_matches("orders:7", "orders:77"));
	CHECK(!pattern_matches("orders:77", "orders:7"));
	CHECK(pattern_matches("orders:*", "orders:7"));
	CHECK(!pattern_matches("orders:*", "orders:"));
	CHECK(pattern_matches("*", "x"));
	CHECK(!pattern_matches("*", ""));
	CHECK(pattern_matches("", ""));
	CHECK(!pattern_matches("**", "x"));
	CHECK(pattern_matches("**", "xy"));
	CHECK(pattern_matches("*:list", "a:b:list"));
	CHECK(!pattern_matches("*:list", ":list"));
	CHECK(pattern_matches("a*b*c", "aXbbYbc"));
	CHECK(!pattern_matches("a*b*c", "abc"));
	CHECK(pattern_matches("a*a*a", "aaaaa"));
	CHECK(!pattern_matches("a*a*a", "aaaa"));
	CHECK(pattern_matches("a.b?[c]", "a.b?[c]"));
	CHECK(!pattern_matches("a.b", "axb"));
	CHECK(!pattern_matches("*aaaab", "aaaaaaaaaaaaaaaaaaaa"));
}

int
main(void)
{
	RUN(judges_topics);
	RUN(knows_system_topics);
	RUN(judges_events);
	RUN(judges_templates);
	RUN(bounds_templates);
	RUN(tells_every_fault);
	RUN(finds_names);
	RUN(measures_prefixes);
	RUN(matches_topics);
	RUN(survives_unchecked_templates);
	RUN(encodes_every_byte);
	RUN(bounds_the_codec);
	RUN(refuses_truncated_escapes);
	RUN(forms_templates);
	RUN(fills_templates);
	RUN(matches_patterns);
	return unit_done();
}

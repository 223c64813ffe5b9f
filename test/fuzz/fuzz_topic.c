/*
 * fuzz_topic.c
 *		Input: a template, a newline, a topic.  If the template is valid,
 *		values and topics must lead to one another in one way only.
 */
#include <jansson.h>

#include "src/protocol/topic.h"
#include "test/fuzz/fuzz.h"

/* Room for a template with each placeholder replaced. */
#define EXPANDED_MAX (RT_TEMPLATE_MAX + RT_PLACEHOLDERS_MAX * RT_TOPIC_MAX * 3)

typedef struct Value
{
	const char *ptr;
	size_t		len;
} Value;

/* Writes a checked template with values in the place of its placeholders. */
static size_t
expand(const char *tpl, size_t len, const Value *values, char *dst)
{
	size_t		used = 0;
	int			count = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (tpl[i] == '{' && tpl[i + 1] != '{')
		{
			memcpy(dst + used, values[count].ptr, values[count].len);
			used += values[count++].len;
			i = (const char *) memchr(tpl + i, '}', len - i) - tpl;
			continue;
		}
		if (tpl[i] == '{' || tpl[i] == '}')
			i++;
		dst[used++] = tpl[i];
	}
	return used;
}

/* What matched says from which values the topic came, and from no others. */
static void
check_match(const char *tpl, size_t len, const char *topic, size_t topic_len,
			int count)
{
	RtSpan		spans[RT_PLACEHOLDERS_MAX];
	Value		values[RT_PLACEHOLDERS_MAX];
	char		expanded[EXPANDED_MAX];

	if (!rt_template_match(tpl, len, topic, topic_len, spans))
		return;
	for (int i = 0; i < count; i++)
	{
		char		decoded[RT_TOPIC_MAX];
		char		encoded[RT_TOPIC_MAX];
		int			decoded_len;

		fuzz_assert_inside(spans[i], topic_len);
		values[i].ptr = topic + spans[i].off;
		values[i].len = spans[i].len;
		FUZZ_ASSERT(memchr(values[i].ptr, ':', values[i].len) == NULL);
		decoded_len = rt_percent_decode(values[i].ptr, values[i].len, decoded,
										sizeof(decoded));
		FUZZ_ASSERT(decoded_len > 0);
		FUZZ_ASSERT(rt_percent_encode(decoded, decoded_len, encoded,
									  sizeof(encoded)) == (int) values[i].len);
		FUZZ_ASSERT(memcmp(encoded, values[i].ptr, values[i].len) == 0);
	}
	FUZZ_ASSERT(expand(tpl, len, values, expanded) == topic_len);
	FUZZ_ASSERT(memcmp(expanded, topic, topic_len) == 0);
}

/* Filling makes of the same values what expanding the encoded ones does. */
static void
check_fill(const char *tpl, size_t len, const char *bytes, size_t size,
		   int count, const char *expanded, size_t expanded_len)
{
	const char *values[RT_PLACEHOLDERS_MAX];
	size_t		lens[RT_PLACEHOLDERS_MAX];
	char	   *exact = fuzz_alloc(expanded_len);
	char	   *small = fuzz_alloc(expanded_len - 1);

	for (int i = 0; i < count; i++)
	{
		values[i] = bytes + size * i / count;
		lens[i] = size * (i + 1) / count - size * i / count;
	}
	FUZZ_ASSERT(rt_template_fill(tpl, len, values, lens, exact,
								 expanded_len) == (int) expanded_len);
	FUZZ_ASSERT(memcmp(exact, expanded, expanded_len) == 0);
	FUZZ_ASSERT(rt_template_fill(tpl, len, values, lens, small,
								 expanded_len - 1) == -1);
	free(exact);
	free(small);
}

/* A form is the template without the names, and has one itself. */
static void
check_form(const char *tpl, size_t len)
{
	char	   *form = fuzz_alloc(len);
	size_t		form_len = rt_template_form(tpl, len, form);
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	int			count = rt_template_names(tpl, len, names);
	size_t		name_bytes = 0;

	for (int i = 0; i < count; i++)
		name_bytes += names[i].len;
	FUZZ_ASSERT(form_len + name_bytes == len);
	FUZZ_ASSERT(rt_template_names(form, form_len, names) == count);
	free(form);
}

/* Values cut out of some bytes come back from the topic that they make. */
static void
check_expansion(const char *tpl, size_t len, const char *bytes, size_t size,
				int count)
{
	RtSpan		spans[RT_PLACEHOLDERS_MAX];
	Value		values[RT_PLACEHOLDERS_MAX];
	char		encoded[RT_PLACEHOLDERS_MAX][RT_TOPIC_MAX];
	char		expanded[EXPANDED_MAX];
	size_t		expanded_len;

	for (int i = 0; i < count; i++)
	{
		size_t		begin = size * i / count;
		size_t		end = size * (i + 1) / count;
		int			encoded_len = rt_percent_encode(bytes + begin, end - begin,
													encoded[i], RT_TOPIC_MAX);

		if (encoded_len <= 0)
			return;
		values[i].ptr = encoded[i];
		values[i].len = encoded_len;
	}
	expanded_len = expand(tpl, len, values, expanded);
	check_fill(tpl, len, bytes, size, count, expanded, expanded_len);
	FUZZ_ASSERT(rt_template_match(tpl, len, expanded, expanded_len, spans));
	for (int i = 0; i < count; i++)
	{
		FUZZ_ASSERT(spans[i].len == values[i].len);
		FUZZ_ASSERT(memcmp(expanded + spans[i].off, values[i].ptr,
						   values[i].len) == 0);
	}
	FUZZ_ASSERT(expanded_len > RT_TOPIC_MAX ||
				rt_topic_is_valid(expanded, expanded_len));
}

static void
check_template(const char *tpl, size_t len, const char *topic,
			   size_t topic_len)
{
	RtTemplateFault fault = rt_template_check(tpl, len);
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	int			count = rt_template_names(tpl, len, names);
	size_t		prefix_len = rt_template_prefix_len(tpl, len);

	FUZZ_ASSERT(strlen(rt_template_fault_text(fault)) > 0);
	FUZZ_ASSERT(count <= RT_PLACEHOLDERS_MAX && prefix_len <= len);
	for (int i = 0; i < count; i++)
		fuzz_assert_inside(names[i], len);
	if (fault != RT_TEMPLATE_OK)
	{
		RtSpan		spans[RT_TEMPLATE_MAX + 1];

		/* It does no harm, however many placeholders it has. */
		if (len <= RT_TEMPLATE_MAX)
			(void) rt_template_match(tpl, len, topic, topic_len, spans);
		return;
	}
	check_form(tpl, len);
	check_match(tpl, len, topic, topic_len, count);
	check_expansion(tpl, len, topic, topic_len, count);
}

static void
check_codec(const char *bytes, size_t size)
{
	char	   *decoded = fuzz_alloc(size);
	char	   *encoded = fuzz_alloc(size * 3);
	int			len = rt_percent_decode(bytes, size, decoded, size);

	if (len >= 0)
	{
		FUZZ_ASSERT(rt_percent_encode(decoded, len, encoded, size) ==
					(int) size);
		FUZZ_ASSERT(memcmp(encoded, bytes, size) == 0);
		FUZZ_ASSERT(len == 0 ||
					rt_percent_decode(bytes, size, decoded, len - 1) == -1);
	}
	len = rt_percent_encode(bytes, size, encoded, size * 3);
	FUZZ_ASSERT((len < 0) == (size > 0 && memchr(bytes, 0, size) != NULL));
	if (len >= 0)
	{
		FUZZ_ASSERT(rt_percent_decode(encoded, len, decoded, size) ==
					(int) size);
		FUZZ_ASSERT(memcmp(decoded, bytes, size) == 0);
		FUZZ_ASSERT(len == 0 ||
					rt_percent_encode(bytes, size, encoded, len - 1) == -1);
	}
	free(decoded);
	free(encoded);
}

/* A name is valid if it may stand in a JSON string as it is. */
static void
check_names(const char *bytes, size_t size)
{
	char	   *quoted = fuzz_alloc(size + 2);
	json_t	   *string;
	bool		plain = size > 0 && size <= RT_EVENT_MAX;

	for (size_t i = 0; i < size; i++)
		plain = plain && bytes[i] != '\\' && bytes[i] != '"' &&
			bytes[i] != 0x7F;
	quoted[0] = quoted[size + 1] = '"';
	memcpy(quoted + 1, bytes, size);
	string = json_loadb(quoted, size + 2, JSON_DECODE_ANY, NULL);
	FUZZ_ASSERT(rt_event_is_valid(bytes, size) == (plain && string != NULL));
	FUZZ_ASSERT(!rt_topic_is_valid(bytes, size) ||
				rt_event_is_valid(bytes, size));
	FUZZ_ASSERT(rt_topic_is_system(bytes, size) ==
				(size > 1 && memcmp(bytes, "__", 2) == 0));
	json_decref(string);
	free(quoted);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *tpl = (const char *) data;
	const char *newline = size > 0 ? memchr(tpl, '\n', size) : NULL;
	size_t		len = newline != NULL ? (size_t) (newline - tpl) : size;
	const char *topic = newline != NULL ? newline + 1 : "";
	size_t		topic_len = newline != NULL ? size - len - 1 : 0;
	char	   *tpl_copy = fuzz_alloc(len);

	if (size == 0)
	{
		free(tpl_copy);
		return 0;
	}
	memcpy(tpl_copy, tpl, len);
	check_template(tpl_copy, len, topic, topic_len);
	check_codec(topic, topic_len);
	check_names(topic, topic_len);
	free(tpl_copy);
	return 0;
}

/*
 * topic.h
 *		Names of topics and events, and topic templates.
 *
 * A template is literal text with placeholders in braces, "chat:{room}"; a
 * literal brace is doubled.  A placeholder matches one non-empty segment
 * without ':', percent-encoded outside [A-Za-z0-9_.-].
 *
 * Between values and the topics of a template there is exactly one way in
 * each direction, so that two sets of values never share a topic and a topic
 * cannot be spelled in two ways.  Three rules see to it: bytes are encoded if
 * and only if they must be, with upper-case digits; literal text has no '%';
 * between two placeholders stands some character that no value can hold.
 */
#ifndef RT_PROTOCOL_TOPIC_H
#define RT_PROTOCOL_TOPIC_H

#include "src/protocol/json.h"
#include "src/protocol/text.h"

#define RT_TOPIC_MAX 256		/* bytes of a topic */
#define RT_EVENT_MAX 256		/* bytes of an event name */
#define RT_TEMPLATE_MAX 1024	/* bytes of a template */
#define RT_PLACEHOLDERS_MAX 16

/* Before the path and the hash of a group of a live query. */
#define RT_QUERY_TOPIC "query:"

/* Before a topic: where the server tells about it. */
#define RT_SYSTEM_OF_TOPIC "__system:"

/* Before the name of a group of connections: its topic. */
#define RT_GROUP_PREFIX "__group:"

/* Before a user's id: where the user gets signals, if frames can name the id. */
#define RT_SIGNAL_PREFIX "__signal:"

extern bool rt_signal_names_user(const char *id, size_t len);

/* Printable ASCII without '"' and '\', 1 to 256 bytes. */
extern bool rt_topic_is_valid(const char *topic, size_t len);

/* Begins with "__": the server alone decides about it. */
extern bool rt_topic_is_system(const char *topic, size_t len);

/* Begins with "query:": of a group of a live query. */
extern bool rt_topic_is_query(const char *topic, size_t len);

/* One of these two: nobody publishes there, or declares what does. */
extern bool rt_topic_is_reserved(const char *topic, size_t len);

/* UTF-8 without '"', '\' and control characters, 1 to 256 bytes. */
extern bool rt_event_is_valid(const char *event, size_t len);

typedef enum RtTemplateFault
{
	RT_TEMPLATE_OK,
	RT_TEMPLATE_EMPTY,
	RT_TEMPLATE_TOO_LONG,		/* itself, or every topic that it matches */
	RT_TEMPLATE_BAD_CHARACTER,	/* '%', or one that no topic has */
	RT_TEMPLATE_UNBALANCED,		/* a brace without its other half */
	RT_TEMPLATE_BAD_NAME,		/* placeholder is not a word of 1 to 63 bytes
								 * or a number from 1 to 999 */
	RT_TEMPLATE_TWICE,			/* the same placeholder twice */
	RT_TEMPLATE_ADJACENT,		/* two placeholders without a separator */
	RT_TEMPLATE_TOO_MANY		/* over RT_PLACEHOLDERS_MAX */
} RtTemplateFault;

extern RtTemplateFault rt_template_check(const char *tpl, size_t len);

/* Says in a clause what is wrong with "the template". */
extern const char *rt_template_fault_text(RtTemplateFault fault);

/*
 * Names of the placeholders of a checked template in order, as positions in
 * tpl; returns how many.  names has room for RT_PLACEHOLDERS_MAX.
 */
extern int	rt_template_names(const char *tpl, size_t len, RtSpan *names);

/*
 * Length in bytes of the (undoubled) literal text before the first
 * placeholder of a checked template.
 */
extern size_t rt_template_prefix_len(const char *tpl, size_t len);

/*
 * Writes a checked template without the names of its placeholders and returns
 * the length, at most len.  Templates of the same form match the same topics.
 */
extern size_t rt_template_form(const char *tpl, size_t len, char *form);

/*
 * Writes the topic that a checked template makes of values, one for each
 * placeholder in order, which are percent-encoded on the way.  Returns the
 * length, or -1 if the topic does not fit into cap bytes or a value is empty
 * or holds the byte NUL.  Does not terminate.
 */
extern int	rt_template_fill(const char *tpl, size_t len,
							 const char *const *values,
							 const size_t *value_lens,
							 char *topic, size_t cap);

/*
 * Whether a topic matches a checked template.  values (may be NULL) gets one
 * span of the topic for each placeholder, still percent-encoded, and is
 * meaningless if the topic does not match.
 */
extern bool rt_template_match(const char *tpl, size_t tpl_len,
							  const char *topic, size_t topic_len,
							  RtSpan *values);

/* Whether a text matches a pattern, in which '*' is one byte or more. */
extern bool rt_pattern_match(const char *pattern, size_t pattern_len,
							 const char *text, size_t text_len);

/*
 * Both return the length written, or -1 if it does not fit or is malformed.
 * Neither terminates.  Encoding refuses the byte NUL; decoding takes what
 * encoding can have written and nothing else, but the bytes it gives need not
 * be valid in any character set.
 */
extern int	rt_percent_encode(const char *src, size_t len, char *dst,
							  size_t cap);
extern int	rt_percent_decode(const char *src, size_t len, char *dst,
							  size_t cap);

/*
 * A checked topic as a JSON string, of which nothing needs escaping; dst has
 * room for the quotes, too.
 */
extern RtText rt_topic_quote(char *dst, const char *topic, size_t len);

#endif							/* RT_PROTOCOL_TOPIC_H */

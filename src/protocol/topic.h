/*
 * topic.h
 *		Names of topics and events, and topic templates.
 *
 * A template is literal text with placeholders in braces, "chat:{room}"; a
 * literal brace is doubled.  A placeholder matches one non-empty segment
 * without ':', percent-encoded outside [A-Za-z0-9_.-].
 */
#ifndef RT_PROTOCOL_TOPIC_H
#define RT_PROTOCOL_TOPIC_H

#include "src/protocol/json.h"

#define RT_TOPIC_MAX 256		/* bytes of a topic */
#define RT_EVENT_MAX 256		/* bytes of an event name */
#define RT_TEMPLATE_MAX 1024	/* bytes of a template */
#define RT_PLACEHOLDERS_MAX 16

/* Printable ASCII without '"' and '\', 1 to 256 bytes. */
extern bool rt_topic_is_valid(const char *topic, size_t len);

/* Begins with "__": the server alone decides about it. */
extern bool rt_topic_is_system(const char *topic, size_t len);

/* UTF-8 without '"', '\' and control characters, 1 to 256 bytes. */
extern bool rt_event_is_valid(const char *event, size_t len);

typedef enum RtTemplateFault
{
	RT_TEMPLATE_OK,
	RT_TEMPLATE_EMPTY,
	RT_TEMPLATE_TOO_LONG,
	RT_TEMPLATE_BAD_CHARACTER,
	RT_TEMPLATE_UNBALANCED,		/* a brace without its other half */
	RT_TEMPLATE_BAD_NAME,		/* placeholder is not a word or a number */
	RT_TEMPLATE_TWICE,			/* the same placeholder twice */
	RT_TEMPLATE_ADJACENT,		/* two placeholders without text between */
	RT_TEMPLATE_TOO_MANY		/* over RT_PLACEHOLDERS_MAX */
} RtTemplateFault;

extern RtTemplateFault rt_template_check(const char *tpl, size_t len);
extern const char *rt_template_fault_text(RtTemplateFault fault);

/* Names of the placeholders in order, as positions in tpl; returns how many. */
extern int	rt_template_names(const char *tpl, size_t len, RtSpan *names);

/* Length in bytes of the (undoubled) literal text before the first placeholder. */
extern size_t rt_template_prefix_len(const char *tpl, size_t len);

/*
 * Whether a topic matches a checked template.  values (may be NULL) gets one
 * span of the topic for each placeholder, still percent-encoded.
 */
extern bool rt_template_match(const char *tpl, size_t tpl_len,
							  const char *topic, size_t topic_len, RtSpan *values);

/* Both return the length written, or -1 if it does not fit or is malformed. */
extern int	rt_percent_encode(const char *src, size_t len, char *dst, size_t cap);
extern int	rt_percent_decode(const char *src, size_t len, char *dst, size_t cap);

#endif							/* RT_PROTOCOL_TOPIC_H */

/*
 * stream_topic.h
 *		Where the values in a stream's topic come from.
 *
 * In the template of a stream's topic {1} is the client's first argument,
 * {user_id} the caller's id, and {name} the argument for the parameter of that
 * name.  A stream that has no function with parameters has no names for its
 * arguments: there {name} is the argument that comes next in the order in
 * which names appear, and names and numbers do not mix.
 */
#ifndef RT_CATALOG_STREAM_TOPIC_H
#define RT_CATALOG_STREAM_TOPIC_H

#include "src/compat.h"

#include "src/protocol/topic.h"

#define RT_USER_ID_NAME "user_id"
#define RT_SOURCE_USER_ID (-1)

typedef struct RtStreamTopic
{
	int			count;			/* of placeholders */
	int			sources[RT_PLACEHOLDERS_MAX];	/* the argument, from 0, or
												 * RT_SOURCE_USER_ID */
	int			argument_count; /* without parameters: what the stream takes */
	const char *names[RT_PLACEHOLDERS_MAX]; /* of these; "$1" if numbered */
} RtStreamTopic;

typedef enum RtStreamTopicFault
{
	RT_STREAM_TOPIC_OK,
	RT_STREAM_TOPIC_NO_SUCH_NAME,	/* no parameter has it */
	RT_STREAM_TOPIC_NO_SUCH_NUMBER, /* there are not so many arguments */
	RT_STREAM_TOPIC_MIXED,		/* names and numbers, without parameters */
	RT_STREAM_TOPIC_USER_ID		/* it could be the caller or a parameter */
} RtStreamTopicFault;

/*
 * Resolves the placeholders of a checked template.  parameters are the names
 * of the parameters, NULL for one that has none; a count of 0 means that there
 * is no function with any.  After a fault *where is the placeholder's name.
 * Allocates in the current context.
 */
extern RtStreamTopicFault rt_stream_topic_resolve(const char *tpl,
												  const char *const *parameters,
												  int parameter_count,
												  RtStreamTopic *topic,
												  const char **where);

#endif							/* RT_CATALOG_STREAM_TOPIC_H */

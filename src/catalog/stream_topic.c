/*
 * stream_topic.c
 *		Where the values in a stream's topic come from.
 */
#include "postgres.h"

#include "src/catalog/stream_topic.h"

/* The number that a placeholder is, 0 if it is a name. */
static int
number_of(const char *name)
{
	return name[0] >= '1' && name[0] <= '9' ? atoi(name) : 0;
}

/* Returns -1 if no parameter has that name. */
static int
find_parameter(const char *name, const char *const *parameters, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (parameters[i] != NULL && strcmp(parameters[i], name) == 0)
			return i;
	}
	return -1;
}

static RtStreamTopicFault
resolve_by_parameters(RtStreamTopic *topic, char **placeholders,
					  const char *const *parameters, int parameter_count,
					  const char **where)
{
	for (int i = 0; i < topic->count; i++)
	{
		int			number = number_of(placeholders[i]);
		int			found = find_parameter(placeholders[i], parameters,
										   parameter_count);

		*where = placeholders[i];
		if (strcmp(placeholders[i], RT_USER_ID_NAME) == 0)
		{
			if (found >= 0)
				return RT_STREAM_TOPIC_USER_ID;
			topic->sources[i] = RT_SOURCE_USER_ID;
			continue;
		}
		if (number > parameter_count)
			return RT_STREAM_TOPIC_NO_SUCH_NUMBER;
		if (number == 0 && found < 0)
			return RT_STREAM_TOPIC_NO_SUCH_NAME;
		topic->sources[i] = number > 0 ? number - 1 : found;
	}
	topic->argument_count = parameter_count;
	return RT_STREAM_TOPIC_OK;
}

static RtStreamTopicFault
resolve_by_appearance(RtStreamTopic *topic, char **placeholders,
					  const char **where)
{
	int			names = 0;
	int			numbers = 0;

	for (int i = 0; i < topic->count; i++)
	{
		int			number = number_of(placeholders[i]);

		*where = placeholders[i];
		if (strcmp(placeholders[i], RT_USER_ID_NAME) == 0)
		{
			topic->sources[i] = RT_SOURCE_USER_ID;
			continue;
		}
		if (number > 0 ? names > 0 : numbers > 0)
			return RT_STREAM_TOPIC_MIXED;
		topic->sources[i] = number > 0 ? number - 1 : names++;
		numbers += number > 0;
	}

	/* none is there twice, so without a gap they are all below their count */
	topic->argument_count = names + numbers;
	for (int i = 0; i < topic->count; i++)
	{
		int			source = topic->sources[i];

		*where = placeholders[i];
		if (source >= topic->argument_count)
			return RT_STREAM_TOPIC_NO_SUCH_NUMBER;
		if (source != RT_SOURCE_USER_ID)
			topic->names[source] = numbers > 0 ?
				psprintf("$%d", source + 1) : placeholders[i];
	}
	return RT_STREAM_TOPIC_OK;
}

RtStreamTopicFault
rt_stream_topic_resolve(const char *tpl, const char *const *parameters,
						int parameter_count, RtStreamTopic *topic,
						const char **where)
{
	RtSpan		spans[RT_PLACEHOLDERS_MAX];
	char	   *placeholders[RT_PLACEHOLDERS_MAX];

	memset(topic, 0, sizeof(*topic));
	topic->count = rt_template_names(tpl, strlen(tpl), spans);
	for (int i = 0; i < topic->count; i++)
		placeholders[i] = pnstrdup(tpl + spans[i].off, spans[i].len);
	return parameter_count > 0 ?
		resolve_by_parameters(topic, placeholders, parameters,
							  parameter_count, where) :
		resolve_by_appearance(topic, placeholders, where);
}

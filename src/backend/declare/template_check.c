/*
 * template_check.c
 *		Whether a topic template goes with those that are declared already.
 */
#include "postgres.h"

#include "src/backend/declare/template_check.h"
#include "src/catalog/declaration.h"
#include "src/protocol/topic.h"

bool
rt_template_same_form(const char *a, const char *b)
{
	char	   *form_a = palloc(strlen(a) + 1);
	char	   *form_b = palloc(strlen(b) + 1);
	size_t		len = rt_template_form(a, strlen(a), form_a);
	bool		same = rt_template_form(b, strlen(b), form_b) == len &&
		memcmp(form_a, form_b, len) == 0;

	pfree(form_a);
	pfree(form_b);
	return same;
}

/*
 * Two of them would match the same topics, and nobody could tell which of the
 * two says who may subscribe.
 */
void
rt_template_check_names(const char *tpl)
{
	ListCell   *cell;

	rt_declarations_refresh();
	foreach(cell, rt_declaration_topics())
	{
		const RtTopicDeclaration *other = lfirst(cell);

		if (other->declared && strcmp(other->template, tpl) != 0 &&
			rt_template_same_form(other->template, tpl))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("topic template \"%s\" matches the same topics as \"%s\"",
							tpl, other->template),
					 errdetail("They differ in nothing but the names of placeholders."),
					 errhint("Remove the other declaration first: SELECT realtime.drop('%s');",
							 other->template)));
	}
}

static const char *
class_name(RtTopicClass topic_class)
{
	return topic_class == RT_TOPIC_REPLAY ? "replay" :
		topic_class == RT_TOPIC_VOLATILE ? "volatile" : "ordered";
}

static void
check_against(const char *tpl, const char *topic_class, const char *kind,
			  const char *name, const char *other_template,
			  RtTopicClass other_class)
{
	if (strcmp(class_name(other_class), topic_class) == 0 ||
		!rt_template_same_form(tpl, other_template))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("topic template \"%s\" is declared with another class", tpl),
			 errdetail("It is %s here and %s in %s \"%s\".", topic_class,
					   class_name(other_class), kind, name),
			 errhint("Declare both alike, or remove the other declaration first: SELECT realtime.drop('%s');",
					 name)));
}

void
rt_template_check_class(const char *tpl, const char *topic_class,
						const char *path)
{
	ListCell   *cell;

	rt_declarations_refresh();
	if (path != NULL)
	{
		foreach(cell, rt_declaration_topics())
		{
			const RtTopicDeclaration *topic = lfirst(cell);

			if (topic->declared)
				check_against(tpl, topic_class, "topic", topic->template,
							  topic->template, topic->topic_class);
		}
	}
	foreach(cell, rt_declaration_streams())
	{
		const RtStreamDeclaration *stream = lfirst(cell);

		if (path == NULL || strcmp(stream->declared, path) != 0)
			check_against(tpl, topic_class,
						  stream->kind == RT_STREAM_OF_EVENTS && rt_stream_is_channel(stream) ?
						  "channel" : "stream", stream->declared,
						  stream->topic, stream->topic_class);
	}
}

static void
check_same(const char *tpl, const RtStreamDeclaration *other,
		   const char *option, const char *here, const char *there)
{
	if (here == NULL ? there == NULL :
		there != NULL && strcmp(here, there) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("topic template \"%s\" is declared with another %s", tpl, option),
			 errdetail("It is %s here and %s in stream \"%s\"; an event is the same for all that follow its topic.",
					   here != NULL ? here : "none", there != NULL ? there : "none",
					   other->declared),
			 errhint("Declare both alike, or give one of the streams a topic of its own.")));
}

void
rt_template_check_stream(const char *tpl, const char *path,
						 const char *transform, const char *coalesce_by)
{
	ListCell   *cell;

	rt_declarations_refresh();
	foreach(cell, rt_declaration_streams())
	{
		const RtStreamDeclaration *other = lfirst(cell);

		if (strcmp(other->declared, path) == 0 || !rt_template_same_form(tpl, other->topic))
			continue;
		check_same(tpl, other, "transform", transform, other->transform);
		check_same(tpl, other, "coalesce_by", coalesce_by, other->coalesce_by);
	}
}

/* A channel gets what others make of the events. */
void
rt_template_check_pipe(const char *tpl, const char *path, const char *key, const char *live)
{
	ListCell   *cell;

	rt_declarations_refresh();
	foreach(cell, rt_declaration_streams())
	{
		const RtStreamDeclaration *other = lfirst(cell);
		const char *other_live = other->pipe != NULL ? other->pipe->live : NULL;

		if (strcmp(other->declared, path) == 0 || rt_stream_is_channel(other) ||
			!rt_template_same_form(tpl, other->topic))
			continue;
		check_same(tpl, other, "pipe of events", live, other_live);
		if (live != NULL)
			check_same(tpl, other, "key", key, other->key);
	}
}

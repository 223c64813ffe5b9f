/*
 * source.c
 *		Topics whose events somebody takes, in declarations.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "src/backend/declare/parameter.h"
#include "src/backend/declare/source.h"
#include "src/protocol/topic.h"

void
rt_source_check(const char *source)
{
	size_t		len = strlen(source);
	RtTemplateFault fault;

	if (!rt_topic_is_valid(source, len) || rt_topic_is_reserved(source, len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%.100s\" is not valid", source),
				 errdetail("It is a topic, a pattern such as \"orders:*\", or a template such as \"orders:{city}\"."),
				 rt_topic_is_reserved(source, len) ?
				 errhint("Topics that begin with \"__\" or \"query:\" belong to the server.") : 0));
	fault = strchr(source, '{') != NULL ? rt_template_check(source, len) : RT_TEMPLATE_OK;
	if (fault != RT_TEMPLATE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" is not valid", source),
				 errdetail("The template %s.", rt_template_fault_text(fault))));
}

char *
rt_parameter_source(FunctionCallInfo fcinfo, int number, const char *name)
{
	char	   *source = rt_parameter_text(fcinfo, number, name);

	rt_source_check(source);
	return source;
}

/* ---- circles ---- */

static void
refuse_cycle(const char *source, const char *topic, const char *path)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("values on topic \"%s\" would be events of their own source", topic),
			 path == NULL ? errdetail("The source is \"%s\".", source) :
			 errdetail("They come back to \"%s\" by way of aggregate \"%s\".", source, path)));
}

static void check_topic(const char *source, const char *topic, const char *path, const char *first,
						List *seen);

/* What is published as events of a topic come: other topics. */
static void
follow(const char *source, const RtAggregateDeclaration *next, const char *first, List *seen)
{
	const ListCell *cell;

	foreach(cell, next->windows)
	{
		const RtWindowDeclaration *window = lfirst(cell);
		const char *topic = window->name[0] == '\0' ? next->topic :
			psprintf("%s:%s", next->topic, window->name);

		check_topic(source, topic, next->path, first, seen);
	}
}

static void
check_topic(const char *source, const char *topic, const char *path, const char *first, List *seen)
{
	const ListCell *cell;

	check_stack_depth();
	if (rt_source_matches(source, topic, strlen(topic)))
		refuse_cycle(source, first, path);
	foreach(cell, rt_declaration_aggregates())
	{
		const RtAggregateDeclaration *next = lfirst(cell);

		if (!list_member_ptr(seen, next) && rt_source_matches(next->source, topic, strlen(topic)))
			follow(source, next, first, lappend(list_copy(seen), unconstify(RtAggregateDeclaration *, next)));
	}
}

void
rt_source_check_cycle(const char *source, const char *topic)
{
	check_topic(source, topic, NULL, topic, NIL);
}

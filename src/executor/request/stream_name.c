/*
 * stream_name.c
 *		From a client's arguments to the topic of a stream.
 *
 * A value stands in the topic as its type writes it, so that an integer has
 * one name however it was sent, and percent-encoded, so that it cannot reach
 * beyond its place.  It is the text that a live table would take, so that the
 * two meet.  A function that names the topic instead stays within the template,
 * which says for all topics of the stream of which class they are and how their
 * events are changed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/catalog/stream_topic.h"
#include "src/catalog/value_writer.h"
#include "src/errcodes.h"
#include "src/executor/identity.h"
#include "src/executor/request/stream_name.h"
#include "src/protocol/topic.h"

static void
resolve_topic(const RtStreamDeclaration *stream, const RtFunction *function,
			  RtStreamTopic *topic)
{
	const char *names[FUNC_MAX_ARGS];
	const char *where = NULL;
	int			count = function != NULL ? function->nargs : 0;

	for (int i = 0; i < count; i++)
		names[i] = function->parameters[i].name;
	if (rt_stream_topic_resolve(stream->base, names, count, topic, &where) !=
		RT_STREAM_TOPIC_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("placeholder \"{%s}\" of topic \"%s\" has no meaning",
						where, stream->base),
				 errdetail("The function that takes the arguments of stream \"%s\" has changed since that was declared.",
						   stream->path)));
}

/* A function that takes texts, for want of another. */
static RtFunction *
make_signature(const RtStreamDeclaration *stream)
{
	RtFunction *function = palloc0(sizeof(RtFunction));
	RtStreamTopic topic;

	resolve_topic(stream, NULL, &topic);
	function->name = stream->path;
	function->nargs = topic.argument_count;
	function->parameters = palloc0(sizeof(RtParameter) *
								   Max(1, topic.argument_count));
	for (int i = 0; i < topic.argument_count; i++)
	{
		function->parameters[i].name = topic.names[i];
		function->parameters[i].type = TEXTOID;
		function->parameters[i].kind = RT_PARAMETER_TEXT;
	}
	return function;
}

RtFunction *
rt_stream_signature(const RtStreamDeclaration *stream, RtFunction *function)
{
	if (stream->query != NULL && !stream->functions[RT_STREAM_LOADER].declared)
		return rt_function_of_types(stream->path, stream->query->parameter_types,
									stream->query->parameter_count);
	if (stream->functions[RT_STREAM_TOPIC_BY].declared)
		return function;
	return function != NULL && function->nargs > 0 ? function :
		make_signature(stream);
}

/* ---- values ---- */

static char *
text_of_value(Oid type, Datum value)
{
	RtValueWriter *writer = rt_value_writer(type);
	const char *text;
	Size		len;
	Oid			output;
	bool		is_varlena;

	if (writer->kind == RT_VALUE_OTHER)
	{
		getTypeOutputInfo(type, &output, &is_varlena);
		return OidOutputFunctionCall(output, value);
	}
	text = rt_value_text(writer, value, &len);
	return pnstrdup(text, len);
}

static char *
text_of_argument(RtGuarded *guarded, int number)
{
	const RtParameter *parameter = &guarded->function->parameters[number];
	NullableDatum argument = guarded->arguments.values[number];
	char	   *text;

	guarded->work->parameter = parameter->name;
	if (argument.isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("value must not be null")));
	text = text_of_value(parameter->type, argument.value);
	if (text[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value must not be empty")));
	guarded->work->parameter = NULL;
	return text;
}

static char *
text_of_caller(void)
{
	const RtCaller *caller = rt_caller();

	if (caller->anonymous)
		rt_guard_refuse();
	return pnstrdup(caller->session->user_id, caller->session->user_id_len);
}

/*
 * Without a type of its own an argument is a text or what has one form as a
 * text.
 */
static void
refuse_structures(RtGuarded *guarded)
{
	RtRequestSpan args = guarded->work->request->asked.args;
	RtJsonWalk	walk;
	RtSpan		value;

	if (args.len == 0 ||
		!rt_json_walk_array(&walk, guarded->text, (RtSpan) {args.off, args.len}))
		return;
	for (int i = 0; i < guarded->function->nargs && rt_json_walk_element(&walk, &value); i++)
	{
		if (!rt_json_is_object(guarded->text, value) &&
			!rt_json_is_array(guarded->text, value))
			continue;
		guarded->work->parameter = guarded->function->parameters[i].name;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value must be a string, a number or a boolean")));
	}
}

/* ---- the topic ---- */

/* Too long for a topic, or one of the server's own after all. */
static void
check_name(const char *name, int len)
{
	if (len < 0)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '2', '2')),
				 errmsg("Topic is too long")));
	if (rt_topic_is_reserved(name, len))
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '0', '0')),
				 errmsg("Reserved topic prefix")));
}

static char *
name_by_template(const RtStreamDeclaration *stream, RtGuarded *guarded)
{
	bool		is_function = OidIsValid(guarded->function->oid);
	const char *values[RT_PLACEHOLDERS_MAX];
	size_t		lens[RT_PLACEHOLDERS_MAX];
	char	   *name = palloc(RT_TOPIC_MAX + 1);
	RtStreamTopic topic;
	int			len;

	resolve_topic(stream, is_function ? guarded->function : NULL, &topic);
	guarded->work->stage = RT_STAGE_ARGUMENTS;
	if (!is_function)
		refuse_structures(guarded);
	for (int i = 0; i < topic.count; i++)
	{
		values[i] = topic.sources[i] == RT_SOURCE_USER_ID ? text_of_caller() :
			text_of_argument(guarded, topic.sources[i]);
		lens[i] = strlen(values[i]);
	}
	len = rt_template_fill(stream->base, strlen(stream->base), values, lens,
						   name, RT_TOPIC_MAX);
	check_name(name, len);
	name[len] = '\0';
	return name;
}

static void
refuse_arguments(const char *message)
{
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('R', 'T', '4', '2', '2')),
			 errmsg_internal("%s", message)));
}

static char *
name_by_function(RtStreamWork *stream, RtFunction *function)
{
	const char *tpl = stream->declaration->base;
	NullableDatum result;
	char	   *name;
	int			len;

	stream->work.stage = RT_STAGE_HANDLER;
	result = rt_stream_invoke(stream, function, NULL, 0);
	if (result.isnull)
		refuse_arguments("No topic for these arguments");
	name = TextDatumGetCString(result.value);
	len = strlen(name);
	if (!rt_topic_is_valid(name, len) ||
		!rt_template_match(tpl, strlen(tpl), name, len, NULL))
		refuse_arguments(psprintf("Topic does not match \"%s\"", tpl));
	check_name(name, len);
	return name;
}

char *
rt_stream_topic_name(RtStreamWork *stream)
{
	RtFunction *function = rt_stream_function(stream, RT_STREAM_TOPIC_BY);
	const char *suffix = stream->declaration->suffix;
	char	   *name = function != NULL ? name_by_function(stream, function) :
		name_by_template(stream->declaration, &stream->guarded);

	if (suffix[0] == '\0')
		return name;
	name = psprintf("%s%s", name, suffix);
	check_name(name, strlen(name) <= RT_TOPIC_MAX ? strlen(name) : -1);
	return name;
}

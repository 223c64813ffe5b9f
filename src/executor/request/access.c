/*
 * access.c
 *		Decides which topics a connection may subscribe to.
 *
 * One transaction looks all topics of a request up.  Those whose declaration
 * names an access function then get a transaction each, in which it runs as
 * the caller: what one function does or fails at is of no concern to the other
 * topics.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "src/catalog/declaration.h"
#include "src/errcodes.h"
#include "src/executor/function/arguments.h"
#include "src/executor/function/function.h"
#include "src/executor/function/guard.h"
#include "src/executor/function/hook.h"
#include "src/executor/function/invoke.h"
#include "src/executor/identity.h"
#include "src/executor/reply.h"
#include "src/executor/request/access.h"
#include "src/protocol/topic.h"

#define REASON_MAX 255			/* bytes; its length is one */

/* The look at all topics. */
typedef struct Survey
{
	RtWork		work;			/* first */
	int			count;
	RtAccessTopic	   *topics;
} Survey;

/* The question about one. */
typedef struct Question
{
	RtWork		work;			/* first */
	RtAccessTopic	   *topic;
	RtFunction *function;		/* NULL = the topic is open */
	RtFunction *hook;			/* NULL = none */
	const char *template;
} Question;

/*
 * A stream's topic is never denied: its clients subscribe by name besides
 * following it, before and after, and a denial would be an error to them.
 */
static void
deny_because(RtAccessTopic *topic, const char *reason)
{
	topic->asks_function = false;
	topic->verdict = topic->of_stream ? RT_VERDICT_STREAM : RT_VERDICT_DENY;
	topic->reason = reason;
}

static void
deny(RtAccessTopic *topic, RtCode code)
{
	deny_because(topic, rt_code_wire(code));
}

/* ---- the look at all topics ---- */

/* Whether it is to be known when it ends. */
static bool
is_told_of(void)
{
	return rt_declaration_hook(RT_HOOK_UNSUBSCRIBE).declared;
}

static void
survey_topic(RtAccessTopic *topic)
{
	const RtTopicDeclaration *declaration;

	if (!rt_topic_is_valid(topic->name, topic->len) ||
		rt_topic_is_system(topic->name, topic->len))
	{
		deny(topic, RT_CODE_INVALID_TOPIC);
		return;
	}
	if (rt_topic_is_query(topic->name, topic->len))
	{
		topic->verdict = RT_VERDICT_STREAM;
		return;
	}

	declaration = rt_declaration_topic(topic->name, topic->len);
	if (declaration == NULL)
	{
		deny(topic, RT_CODE_FORBIDDEN);
		return;
	}
	topic->of_stream = declaration->stream;
	topic->numbered = declaration->topic_class == RT_TOPIC_REPLAY;
	if (!declaration->open && !OidIsValid(declaration->access))
		deny(topic, RT_CODE_FORBIDDEN);
	else if (!declaration->open || rt_declaration_hook(RT_HOOK_SUBSCRIBE).declared)
		topic->asks_function = true;
	else
		topic->verdict = is_told_of() ? RT_VERDICT_MEMBER : RT_VERDICT_OPEN;
}

/* Nothing is left to run: the verdicts are the outcome. */
static bool
prepare_survey(RtWork *work)
{
	Survey	   *survey = (Survey *) work;

	if (!rt_work_refresh_declarations(work))
		return false;
	for (int i = 0; i < survey->count; i++)
		survey_topic(&survey->topics[i]);
	return false;
}

/* ---- the question about one ---- */

static bool
only_reads(const RtFunction *function)
{
	return function == NULL || function->volatility != PROVOLATILE_VOLATILE;
}

/* Declarations may have changed since the look. */
static bool
prepare_question(RtWork *work)
{
	Question   *question = (Question *) work;
	RtAccessTopic	   *topic = question->topic;
	const RtTopicDeclaration *declaration = NULL;

	question->function = question->hook = NULL;
	if (rt_declarations_refresh())
		declaration = rt_declaration_topic(topic->name, topic->len);
	if (declaration == NULL || (!declaration->open && !OidIsValid(declaration->access)))
	{
		rt_fault_set(&work->fault, RT_CODE_FORBIDDEN, NULL);
		return false;
	}
	work->kind = question->template = pstrdup(declaration->template);
	question->hook = rt_hook_find(RT_HOOK_SUBSCRIBE, work);
	if (!declaration->open)
	{
		question->function = rt_function_get(declaration->access);
		work->mean_us = question->function->mean_us;
	}
	work->read_only = only_reads(question->function) && only_reads(question->hook);
	return true;
}

/*
 * What stands in a topic for a placeholder.  Decoding can make any bytes:
 * they must be a text before they become the value of one.
 */
static char *
decode_value(const RtAccessTopic *topic, RtSpan span)
{
	char	   *text = palloc(span.len + 1);
	int			len = rt_percent_decode(topic->name + span.off, span.len,
										text, span.len);

	if (len >= 0)
		text[len] = '\0';
	if (len < 0 || !pg_verify_mbstr(PG_UTF8, text, len, true))
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("topic does not hold a text in that place")));
	return text;
}

/*
 * The number of the placeholder that a parameter stands for: the one of its
 * name, or of its position.  -1 = none.
 */
static int
find_placeholder(const Question *question, const RtSpan *names, int count,
				 int number)
{
	const char *name = question->function->parameters[number].name;
	char		position[12];

	snprintf(position, sizeof(position), "%d", number + 1);
	for (int i = 0; i < count; i++)
	{
		const char *placeholder = question->template + names[i].off;

		if ((strlen(name) == names[i].len &&
			 memcmp(placeholder, name, names[i].len) == 0) ||
			(strlen(position) == names[i].len &&
			 memcmp(placeholder, position, names[i].len) == 0))
			return i;
	}
	return -1;
}

static NullableDatum
convert_parameter(Question *question, const RtSpan *names,
				  const RtSpan *values, int count, int number)
{
	RtWork	   *work = &question->work;
	RtParameter *parameter = &question->function->parameters[number];
	int			placeholder = find_placeholder(question, names, count, number);
	const char *text = question->topic->name;
	NullableDatum result;

	if (placeholder < 0 && strcmp(parameter->name, "topic") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("parameter \"%s\" of access function \"%s\" is no placeholder of topic \"%s\"",
						parameter->name, question->function->name,
						question->template)));

	work->stage = RT_STAGE_ARGUMENTS;
	work->parameter = parameter->name;
	if (placeholder >= 0)
		text = decode_value(question->topic, values[placeholder]);
	result = rt_argument_from_text(parameter, text);
	work->parameter = NULL;
	work->stage = RT_STAGE_ACCESS;
	return result;
}

static void
fill_arguments(Question *question, RtArguments *arguments)
{
	const char *template = question->template;
	RtAccessTopic	   *topic = question->topic;
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	RtSpan		values[RT_PLACEHOLDERS_MAX];
	int			count = rt_template_names(template, strlen(template), names);

	if (!rt_template_match(template, strlen(template), topic->name, topic->len,
						   values))
		elog(ERROR, "topic \"%s\" does not match template \"%s\"",
			 topic->name, template);
	arguments->count = question->function->nargs;
	for (int i = 0; i < arguments->count; i++)
		arguments->values[i] = convert_parameter(question, names, values,
												 count, i);
}

/* Whether the topic's own function lets the caller in. */
static bool
passes(Question *question)
{
	RtArguments *arguments;

	if (question->function == NULL)
		return true;
	arguments = palloc(sizeof(RtArguments));
	fill_arguments(question, arguments);
	return rt_guard_passes(question->function,
						   rt_function_invoke(question->function, arguments));
}

/* With which code the hook of all topics refuses; NULL = it does not. */
static const char *
refusal_of_hook(Question *question)
{
	RtArguments arguments = {.count = 1};
	NullableDatum result;
	char	   *code;

	if (question->hook == NULL)
		return NULL;
	arguments.values[0] =
		(NullableDatum) {PointerGetDatum(cstring_to_text_with_len(question->topic->name,
																  question->topic->len)), false};
	result = rt_function_invoke(question->hook, &arguments);
	if (result.isnull)
		return NULL;
	code = text_to_cstring(DatumGetTextPP(result.value));
	if (!rt_code_text_is_valid(code))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("hook \"%s\" has returned what is no code",
						rt_hook_name(RT_HOOK_SUBSCRIBE))));
	return code;
}

static void
run_question(RtWork *work)
{
	Question   *question = (Question *) work;
	RtAccessTopic *topic = question->topic;
	const char *refusal;

	work->stage = RT_STAGE_ACCESS;
	if (!passes(question))
	{
		deny(topic, rt_caller()->anonymous ? RT_CODE_UNAUTHENTICATED : RT_CODE_FORBIDDEN);
		return;
	}
	refusal = refusal_of_hook(question);
	if (refusal != NULL)
		deny_because(topic, refusal);
	else
		topic->verdict = is_told_of() ? RT_VERDICT_MEMBER : RT_VERDICT_ALLOW;
}

static void
ask_function(RtRequest *request, RtAccessTopic *topic, RtWorkResult *result)
{
	Question	question;

	memset(&question, 0, sizeof(question));
	rt_work_begin(&question.work, request, topic->name, prepare_question, run_question);
	question.work.kind = "subscribe";
	question.topic = topic;
	rt_work_run(&question.work);

	rt_hook_note_run(question.function, &question.work);
	rt_hook_note_run(question.hook, &question.work);
	if (question.work.fault.code != NULL)
	{
		deny_because(topic, question.work.fault.code);
		/* a value that its parameter cannot be is a wrong name of a topic */
		if (question.work.parameter != NULL &&
			strcmp(topic->reason, rt_code_wire(RT_CODE_VALIDATION)) == 0)
			topic->reason = rt_code_wire(RT_CODE_INVALID_TOPIC);
		if (question.work.stage == RT_STAGE_ARGUMENTS)
			rt_function_refused(question.function);
	}
	rt_work_add_result(result, &question.work);
}

/* ---- the answer ---- */

static void
append_verdict(StringInfo out, const RtAccessTopic *topic)
{
	int			len = 0;

	if (topic->verdict == RT_VERDICT_DENY)
		len = Min(strlen(topic->reason), REASON_MAX);
	appendStringInfoChar(out, (char) topic->verdict);
	appendStringInfoChar(out, (char) len);
	if (len > 0)
		appendBinaryStringInfo(out, topic->reason, len);
}

static void
reply(RtRequest *request, const RtAccessTopic *topics, int count)
{
	StringInfoData verdicts;

	initStringInfo(&verdicts);
	for (int i = 0; i < count; i++)
		append_verdict(&verdicts, &topics[i]);
	rt_reply_verdicts(request, verdicts.data, verdicts.len);
}

/* ---- requests ---- */

bool
rt_access_decide(RtRequest *request, RtAccessTopic *topics, int count,
				 RtWorkResult *result)
{
	Survey		survey;

	memset(&survey, 0, sizeof(survey));
	survey.work.request = request;
	survey.work.activity = "subscribe";
	survey.work.prepare = prepare_survey;
	survey.topics = topics;
	survey.count = count;

	rt_work_run(&survey.work);
	*result = rt_work_result(&survey.work);
	if (survey.work.unavailable)
		return false;

	for (int i = 0; i < count; i++)
	{
		RtAccessTopic *topic = &topics[i];

		if (result->session_is_spoiled ||
			(survey.work.fault.code != NULL && topic->reason == NULL))
			deny(topic, RT_CODE_INTERNAL_ERROR);
		else if (topic->asks_function)
			ask_function(request, topic, result);
	}
	return true;
}

/* Returns how many there are. */
static int
read_topics(RtRequest *request, RtAccessTopic **topics)
{
	const char *text = rt_shared_text_get(&request->text) +
		request->asked.args.off;
	const char *end = text + request->asked.args.len;
	uint16		len;
	int			count = 0;

	for (const char *p = text; p < end; p += sizeof(len) + len)
	{
		memcpy(&len, p, sizeof(len));
		count++;
	}
	*topics = palloc0(Max(1, count) * sizeof(RtAccessTopic));
	count = 0;
	for (const char *p = text; p < end; p += sizeof(len) + len)
	{
		RtAccessTopic *topic = &(*topics)[count++];

		memcpy(&len, p, sizeof(len));
		topic->name = pnstrdup(p + sizeof(len), len);
		topic->len = len;
	}
	return count;
}

RtWorkResult
rt_access_run(RtRequest *request)
{
	RtAccessTopic *topics;
	int			count = read_topics(request, &topics);
	RtWorkResult result;

	if (rt_access_decide(request, topics, count, &result))
		reply(request, topics, count);
	else
		rt_reply_unavailable(request);
	return result;
}

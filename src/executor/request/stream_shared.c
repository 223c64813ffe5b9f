/*
 * stream_shared.c
 *		What the steps of answering a request for a stream have in common.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "src/catalog/declaration_table.h"
#include "src/executor/function/invoke.h"
#include "src/executor/request/stream.h"
#include "src/guc.h"

#define MEMORY_PART 8			/* of the memory of answers, for one */

RtFunction *
rt_stream_function(RtStreamWork *stream, RtStreamFunction which)
{
	const RtNamedFunction *named = &stream->declaration->functions[which];

	if (!named->declared)
		return NULL;
	if (!OidIsValid(named->oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the %s of \"%s\" does not exist",
						rt_stream_function_columns[which].purpose,
						stream->declaration->path)));
	if (stream->functions[which] == NULL)
		stream->functions[which] = rt_function_get(named->oid);
	return stream->functions[which];
}

NullableDatum
rt_stream_invoke(RtStreamWork *stream, RtFunction *function,
				 const NullableDatum *fixed, int fixed_count)
{
	RtArguments arguments;
	int			rest;

	fixed_count = Min(fixed_count, function->nargs);
	rest = function->nargs - fixed_count;
	if (rest > 0 && rest != stream->guarded.arguments.count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function \"%s\" has other parameters than when stream \"%s\" was declared",
						function->name, stream->declaration->path)));
	arguments.count = function->nargs;
	for (int i = 0; i < fixed_count; i++)
		arguments.values[i] = fixed[i];
	for (int i = 0; i < rest; i++)
		arguments.values[fixed_count + i] = stream->guarded.arguments.values[i];
	return rt_function_invoke(function, &arguments);
}

/*
 * Who has the value keeps it, who goes on from it must know what it has been,
 * and behind a page comes no fallback.
 */
static const char *
fallback_of(const RtStreamWork *stream)
{
	bool		begins = !stream->reloads && !(stream->subscribes && stream->numbered) &&
		stream->work.request->asked.cursor.len == 0;

	return begins ? stream->declaration->fallback : NULL;
}

/* What goes wrong behind it is the loader's, and in a reload nobody waits to hear it. */
bool
rt_stream_may_load(RtStreamWork *stream)
{
	StringInfoData data;

	initStringInfo(&data);
	stream->work.is_unattended = false;
	stream->provisional = !rt_breaker_begin(&stream->breaker, stream->declaration->breaker,
											fallback_of(stream), &data);
	stream->work.is_unattended = stream->reloads;
	if (!stream->provisional)
		return true;
	stream->flags |= RT_TOPIC_PROVISIONAL;
	stream->reply.data_json = (RtText) {data.data, data.len};
	return false;
}

Size
rt_stream_value_max(const RtStreamWork *stream)
{
	Size		part = (Size) realtime_payload_memory * 1024 / MEMORY_PART;

	if (!stream->subscribes || stream->reloads || !stream->work.request->asked.parts)
		return RT_FRAME_PAYLOAD_MAX;
	return Min(Max(part, RT_FRAME_PAYLOAD_MAX), MaxAllocSize / 2);
}

void
rt_stream_check_length(size_t len, size_t max)
{
	if (len > max)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '1', '3')),
				 errmsg("Value is too long; load it in pages")));
}

RtText
rt_stream_id(const RtStreamWork *stream)
{
	const RtRequestSpan *id = &stream->work.request->asked.id;

	return (RtText) {stream->guarded.text + id->off, id->len};
}

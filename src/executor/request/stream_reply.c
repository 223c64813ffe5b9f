/*
 * stream_reply.c
 *		What a stream's request is answered: the reply that makes the gateway
 *		subscribe the connection, the value as an event or as a page, or the value
 *		once.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "src/executor/reply.h"
#include "src/executor/request/stream.h"

#define LATEST_MAX 50			/* rows, if the declaration does not say */

void
rt_stream_describe(RtStreamWork *stream)
{
	const RtStreamDeclaration *declaration = stream->declaration;
	RtStreamReply *reply = &stream->reply;

	memset(reply, 0, sizeof(*reply));
	stream->flags = 0;
	reply->seq = -1;
	reply->topic = (RtText) {stream->topic, stream->topic_len};
	reply->merge = RT_TEXT(rt_merge_name(declaration->merge));
	if (declaration->merge == RT_MERGE_CRUD)
		reply->key = RT_TEXT(declaration->key);
	reply->prepend = declaration->prepend;
	reply->max = declaration->max;
	if (declaration->merge == RT_MERGE_LATEST && reply->max == 0)
		reply->max = LATEST_MAX;
	reply->schema_version = declaration->schema_version;
}

static char *
frame_of_reply(RtStreamWork *stream, size_t *frame_len)
{
	RtText		id = rt_stream_id(stream);
	size_t		cap = rt_payload_stream_length(&stream->reply) + 2 * id.len;
	char	   *buffer = palloc(RT_FRAME_HEADROOM + cap);
	size_t		len = rt_payload_stream(buffer + RT_FRAME_HEADROOM, cap, id,
										&stream->reply);

	Assert(len > 0);
	rt_stream_check_length(len, RT_FRAME_PAYLOAD_MAX);
	return rt_frame_seal(buffer, len, RT_OPCODE_TEXT, frame_len);
}

/* The same for those who have it already. */
static char *
frame_of_refreshed(RtStreamWork *stream, size_t *frame_len)
{
	RtStreamReply *reply = &stream->reply;
	size_t		cap = reply->data_json.len + stream->topic_len + RT_FRAME_OVERHEAD;
	char	   *buffer = palloc(RT_FRAME_HEADROOM + cap);
	size_t		len = rt_payload_event(buffer + RT_FRAME_HEADROOM, cap, reply->topic,
									   RT_TEXT("refreshed"), reply->data_json,
									   reply->seq);

	Assert(len > 0);
	rt_stream_check_length(len, RT_FRAME_PAYLOAD_MAX);
	return rt_frame_seal(buffer, len, RT_OPCODE_TEXT, frame_len);
}

static char *
frames_of_value(RtStreamWork *stream, size_t *len)
{
	if (stream->reloads)
		return frame_of_refreshed(stream, len);
	if (stream->work.request->asked.parts &&
		rt_payload_stream_length(&stream->reply) > RT_FRAME_PAYLOAD_MAX)
		return rt_stream_parts(stream, len);
	return frame_of_reply(stream, len);
}

static void
send_page(RtStreamWork *stream)
{
	size_t		cap = rt_payload_stream_length(&stream->reply);
	char	   *content = palloc(cap);
	size_t		len = rt_content_stream(content, cap, &stream->reply);

	Assert(len > 0);
	rt_stream_check_length(len, RT_FRAME_PAYLOAD_MAX);
	if (!rt_reply_content(stream->work.request, 200, content, len))
		rt_reply_refuse_overload();
}

/* 0 = it is never loaded again for its age. */
static int64
stale_time(const RtStreamWork *stream)
{
	int64		stale_ms = Max(stream->declaration->stale_after_ms, 0);

	if (stream->provisional && (stale_ms == 0 || stale_ms > stream->breaker.reset_ms))
		return stream->breaker.reset_ms;
	return stale_ms;
}

/* Whether functions decide who may follow it, and what that is. */
static bool
is_judged(const RtStreamDeclaration *declaration)
{
	return declaration->guards.count > 0 || rt_declaration_middlewares() != NIL ||
		declaration->functions[RT_STREAM_ACCESS].declared ||
		declaration->functions[RT_STREAM_GATE].declared ||
		declaration->functions[RT_STREAM_TOPIC_BY].declared;
}

/* What the gateway has to know of the stream. */
static void
set_flags(RtStreamWork *stream)
{
	const RtStreamDeclaration *declaration = stream->declaration;

	if (is_judged(declaration))
		stream->flags |= RT_TOPIC_JUDGED;
	if (declaration->functions[RT_STREAM_ON_SUBSCRIBE].declared ||
		declaration->functions[RT_STREAM_ON_UNSUBSCRIBE].declared)
		stream->flags |= RT_TOPIC_MEMBERS;
	if (!rt_stream_is_channel(declaration))
		stream->flags |= RT_TOPIC_RELOADS;
	if (declaration->shared || declaration->query != NULL)
		stream->flags |= RT_TOPIC_SHARED;
	if (declaration->query != NULL)
		stream->flags |= RT_TOPIC_QUERY;
	if (declaration->kind == RT_STREAM_OF_CURSORS)
		stream->flags |= RT_TOPIC_CURSORS;
	else if (declaration->functions[RT_STREAM_PRESENCE].declared)
		stream->flags |= RT_TOPIC_PRESENT;
	if (declaration->kind == RT_STREAM_OF_PRESENCE)
		stream->flags |= RT_TOPIC_ROSTER;
	stream->work.request->answer_stale_ms = stale_time(stream);
	stream->work.request->answer_debounce_ms = declaration->debounce_ms;
	stream->work.request->answer_query = stream->query_group_serial;
}

void
rt_stream_send(RtStreamWork *stream)
{
	StringInfoData topics;
	size_t		len;
	char	   *frames;

	if (stream->is_page)
	{
		send_page(stream);
		return;
	}
	frames = frames_of_value(stream, &len);
	set_flags(stream);
	initStringInfo(&topics);
	/* the ring's position says which events of a query it has */
	rt_reply_add_topic(&topics, stream->topic, stream->topic_len,
					   stream->is_query ? -1 : stream->reply.seq, stream->flags);
	if (stream->presence != NULL && !stream->reloads)
		appendStringInfoString(&topics, stream->presence);
	if (!rt_reply_topics(stream->work.request, RT_ANSWER_STREAM, &topics,
						 frames, len))
		rt_reply_refuse_overload();
}

/* To who wants the value once, or more of it, or does not get it. */
void
rt_stream_send_once(RtStreamWork *stream)
{
	RtRequest  *request = stream->work.request;
	RtStreamReply *reply = &stream->reply;
	size_t		len;
	char	   *frame;

	if (stream->is_page)
	{
		send_page(stream);
		return;
	}
	if (request->asked.id.len == 0)
		return;
	reply->topic = reply->merge = reply->key = RT_TEXT_NONE;
	reply->prepend = false;
	reply->max = 0;
	reply->seq = -1;
	reply->schema_version = 0;
	frame = frame_of_reply(stream, &len);
	if (!rt_reply_frame(request, frame, len))
		rt_reply_refuse_overload();
}

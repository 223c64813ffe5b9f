/*
 * stream.c
 *		Lets clients follow streams.
 *
 * Guards, arguments, topic, access, and then the reply, which makes the
 * gateway subscribe the connection.  A channel has no value to load; what it
 * may have to read are the events that a client has missed.
 *
 * Without a gap and without a duplicate: the ring's position is read first,
 * then a snapshot is taken, then the rows are read.  An event that is in the
 * ring before the position was committed before the snapshot, so it is among
 * the rows; one behind it comes from the ring.  One that is in both is told
 * by its number.
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "lib/stringinfo.h"
#include "utils/snapmgr.h"

#include "src/catalog/declaration.h"
#include "src/catalog/message_store.h"
#include "src/executor/function/guard.h"
#include "src/executor/reply.h"
#include "src/executor/request/call.h"
#include "src/executor/request/stream.h"
#include "src/executor/request/stream_name.h"
#include "src/ipc/flush_request.h"
#include "src/ipc/publish_ring.h"
#include "src/protocol/frame.h"

#define LATEST_MAX 50			/* rows, if the declaration does not say */
#define NO_EVENTS ((RtText) {"[]", 2})

static double mean_us = -1;		/* of streams that ask nobody; < 0 = not known */

typedef struct Stream
{
	RtWork		work;			/* first */
	RtGuarded	guarded;		/* its signature, see stream_name.h */
	RtFunction *access;			/* NULL = none */
	const RtStreamDeclaration *declaration;
	bool		is_call;		/* the path is none of a stream */

	const char *topic;
	int			topic_len;
	RtStreamReply reply;
	uint8		flags;			/* of the topic in the answer */
} Stream;

/* ---- as the executor ---- */

static void
find_functions(Stream *stream)
{
	const RtStreamDeclaration *declaration = stream->declaration;
	bool		changes = false;

	stream->access = NULL;
	if (declaration->has_access)
	{
		if (!OidIsValid(declaration->access))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("the access function of \"%s\" does not exist",
							declaration->path)));
		stream->access = rt_function_get(declaration->access);
		changes = stream->access->volatility == PROVOLATILE_VOLATILE;
	}
	rt_guarded_find(&stream->guarded, declaration->guard_count,
					declaration->guards);
	for (int i = 0; i < stream->guarded.guard_count; i++)
		changes |= stream->guarded.guards[i]->volatility == PROVOLATILE_VOLATILE;
	stream->work.read_only = !changes;
	stream->work.mean_us = stream->access != NULL ? stream->access->mean_us :
		stream->guarded.guard_count == 0 ? mean_us : -1;
}

static bool
prepare_stream(RtWork *work)
{
	Stream	   *stream = (Stream *) work;
	RtRequest  *request = work->request;
	const char *path = stream->guarded.text + request->asked.path.off;

	stream->guarded.function = NULL;
	stream->guarded.converted = false;
	stream->declaration = NULL;
	stream->is_call = false;
	if (!rt_work_refresh_declarations(work))
		return false;

	if (rt_declaration_rpc(path, request->asked.path.len) == NULL)
		stream->declaration = rt_declaration_stream(path, request->asked.path.len);
	else if (request->asked.kind == RT_REQUEST_STREAM)
	{
		stream->is_call = true;
		return false;
	}
	if (stream->declaration == NULL)
	{
		rt_fault_set(&work->fault, RT_CODE_NOT_FOUND, NULL);
		return false;
	}
	find_functions(stream);
	stream->guarded.function = rt_stream_signature(stream->declaration,
												   stream->access);
	return true;
}

/* ---- the events that were missed ---- */

/*
 * As many as fit, in a JSON array.  Returns the number of the last one that
 * the client then has.
 */
static int64
list_missed(Stream *stream, StringInfo out, Snapshot snapshot)
{
	RtText		topic = {stream->topic, stream->topic_len};
	int64		last = stream->work.request->asked.since;
	uint32		limit = stream->work.request->asked.limit;
	RtReplayScan *scan = rt_replay_begin(stream->topic, stream->topic_len,
										 last, snapshot);
	RtReplayRow row;

	appendStringInfoChar(out, '[');
	while (rt_replay_next(scan, &row))
	{
		size_t		cap = RT_FRAME_OVERHEAD + topic.len + row.event_len +
			row.data_len;

		if (out->len + cap > limit)
		{
			stream->flags |= RT_TOPIC_MORE;
			break;
		}
		if (out->len > 1)
			appendStringInfoChar(out, ',');
		enlargeStringInfo(out, cap);
		out->len += rt_frame_replay_item(out->data + out->len, cap, row.seq,
										 topic,
										 (RtText) {row.event, row.event_len},
										 (RtText) {row.data, row.data_len});
		last = row.seq;
	}
	rt_replay_end(scan);
	appendStringInfoChar(out, ']');
	return last;
}

/*
 * The data of the newest events: as many as the client keeps, as far as they
 * fit.  Numbers are consecutive, so these are the rows from a number on; the
 * oldest of them give way.
 */
static void
list_latest(Stream *stream, StringInfo out, int64 newest, Snapshot snapshot)
{
	int64		since = Max(newest - stream->reply.max,
							rt_seq_before_epoch(rt_seq_epoch(newest)));
	uint32		limit = stream->work.request->asked.limit;
	RtReplayScan *scan = rt_replay_begin(stream->topic, stream->topic_len,
										 since, snapshot);
	RtReplayRow row;
	List	   *rows = NIL;
	int			first = 0;
	Size		size = 0;

	while (rt_replay_next(scan, &row))
	{
		if (row.event == NULL || row.data_len > limit)
			continue;
		rows = lappend(rows, pnstrdup(row.data, row.data_len));
		size += row.data_len + 1;
		while (size > limit)
		{
			char	   *oldest = list_nth(rows, first++);

			size -= strlen(oldest) + 1;
			pfree(oldest);
		}
	}
	rt_replay_end(scan);

	appendStringInfoChar(out, '[');
	for (int i = first; i < list_length(rows); i++)
	{
		if (i > first)
			appendStringInfoChar(out, ',');
		appendStringInfoString(out, list_nth(rows, i));
	}
	appendStringInfoChar(out, ']');
}

/* What a client that says what it has seen gets instead of nothing. */
static void
resume(Stream *stream, int64 newest, Snapshot snapshot)
{
	int64		since = stream->work.request->asked.since;
	RtStreamReply *reply = &stream->reply;
	StringInfoData data;

	initStringInfo(&data);
	if (stream->declaration->merge == RT_MERGE_LATEST)
	{
		/* a list that is merged again would have its rows twice */
		reply->replay = RT_REPLAYED_NO;
		list_latest(stream, &data, newest, snapshot);
	}
	else if (since < 0 ||
			 rt_replay_is_truncated(stream->topic, stream->topic_len, since,
									newest, snapshot))
	{
		/* what it has is out of date, and there is nothing to load */
		reply->replay = RT_REPLAYED_NO;
		stream->flags |= RT_TOPIC_FROM_NOW;
		return;
	}
	else
	{
		reply->replay = RT_REPLAYED_YES;
		newest = list_missed(stream, &data, snapshot);
	}
	reply->data_json = (RtText) {data.data, data.len};
	reply->seq = newest;
}

static void
read_numbers(Stream *stream)
{
	RtRequest  *request = stream->work.request;
	Snapshot	snapshot;
	int64		newest;

	request->answer_position = rt_ring_position();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	rt_flush_note_reading();
	newest = rt_replay_newest(stream->topic, stream->topic_len, snapshot);
	stream->reply.seq = newest;
	if (request->asked.since == RT_SINCE_NONE)
	{
		stream->flags |= RT_TOPIC_FROM_NOW;
		stream->reply.channel = true;
	}
	else
		resume(stream, newest, snapshot);
	UnregisterSnapshot(snapshot);
}

/* ---- the reply ---- */

/* What a channel has for a value: nothing. */
static RtText
empty_value(const Stream *stream)
{
	return stream->declaration->merge == RT_MERGE_SET ? RT_TEXT_NONE : NO_EVENTS;
}

static void
describe_stream(Stream *stream)
{
	const RtStreamDeclaration *declaration = stream->declaration;
	RtStreamReply *reply = &stream->reply;

	memset(reply, 0, sizeof(*reply));
	stream->flags = 0;
	reply->data_json = empty_value(stream);
	reply->topic = (RtText) {stream->topic, stream->topic_len};
	reply->merge = RT_TEXT(rt_merge_name(declaration->merge));
	if (declaration->merge == RT_MERGE_CRUD)
		reply->key = RT_TEXT(declaration->key);
	reply->prepend = declaration->prepend;
	reply->max = declaration->max;
	if (declaration->merge == RT_MERGE_LATEST && reply->max == 0)
		reply->max = LATEST_MAX;
	reply->seq = -1;
}

/* The topic says whether there are numbers, whoever declares its class. */
static bool
is_numbered(const Stream *stream)
{
	const RtTopicDeclaration *topic = rt_declaration_topic(stream->topic,
														   stream->topic_len);

	return topic != NULL && topic->topic_class == RT_TOPIC_REPLAY;
}

static void
send_reply(Stream *stream)
{
	RtRequest  *request = stream->work.request;
	const RtStreamReply *reply = &stream->reply;
	RtText		id = {stream->guarded.text + request->asked.id.off,
	request->asked.id.len};
	size_t		cap = RT_FRAME_OVERHEAD + 2 * id.len + reply->data_json.len +
		reply->topic.len + 6 * reply->key.len;
	char	   *buffer = palloc(RT_FRAME_HEADROOM + cap);
	size_t		len = rt_payload_stream(buffer + RT_FRAME_HEADROOM, cap, id, reply);
	char	   *frame = rt_frame_seal(buffer, len, RT_OPCODE_TEXT, &len);
	StringInfoData topics;

	initStringInfo(&topics);
	rt_reply_add_topic(&topics, stream->topic, stream->topic_len, reply->seq,
					   stream->flags);
	if (!rt_reply_topics(request, RT_ANSWER_STREAM, &topics, frame, len))
		rt_reply_refuse_overload();
}

static void
subscribe(Stream *stream)
{
	describe_stream(stream);
	if (is_numbered(stream))
		read_numbers(stream);
	else
	{
		stream->flags |= RT_TOPIC_FROM_NOW;
		stream->reply.channel = true;
		if (stream->work.request->asked.since != RT_SINCE_NONE)
			stream->reply.replay = RT_REPLAYED_NO;
	}
	send_reply(stream);
}

/* ---- as the caller ---- */

static void
ask_access(Stream *stream)
{
	RtArguments none = {.count = 0};

	if (stream->access == NULL)
		return;
	stream->work.stage = RT_STAGE_ACCESS;
	if (!rt_guard_agrees(stream->access,
						 stream->access == stream->guarded.function ?
						 &stream->guarded.arguments : &none))
		rt_guard_refuse();
}

static void
run_stream(RtWork *work)
{
	Stream	   *stream = (Stream *) work;
	RtRequest  *request = work->request;
	RtText		value;

	rt_guarded_run(&stream->guarded);
	rt_guarded_convert(&stream->guarded);
	stream->topic = rt_stream_topic_name(stream->declaration, &stream->guarded);
	stream->topic_len = strlen(stream->topic);
	ask_access(stream);

	work->stage = RT_STAGE_HANDLER;
	if (request->asked.kind == RT_REQUEST_STREAM && !request->asked.load_more &&
		request->asked.id.len > 0)
	{
		subscribe(stream);
		return;
	}

	/* the value once, or more of it */
	value = request->asked.load_more ? NO_EVENTS : empty_value(stream);
	if (value.len > 0)
		rt_reply_success(request, value.ptr, value.len);
	else
		rt_reply_success(request, "null", 4);
}

/* ---- around it ---- */

/* A signature that is no function has nothing that could go wrong. */
static void
note_failure(Stream *stream)
{
	RtFunction *function = stream->guarded.function;

	if (function != NULL && !OidIsValid(function->oid))
		stream->guarded.function = NULL;
	rt_guarded_failed(&stream->guarded);
	if (stream->access != NULL && stream->access != function)
		rt_function_failed(stream->access);
}

static void
note_time(Stream *stream)
{
	double		us = rt_work_run_time(&stream->work);

	if (stream->access != NULL)
		rt_function_timed(stream->access, us);
	else if (stream->guarded.guard_count == 0)
		mean_us = mean_us < 0 ? us : mean_us + (us - mean_us) / 8;
}

RtWorkResult
rt_stream_run(RtRequest *request)
{
	Stream	   *stream = palloc0(sizeof(Stream));
	const char *text = rt_shared_text_get(&request->text);

	stream->work.request = request;
	stream->work.activity = rt_work_path(request);
	stream->work.prepare = prepare_stream;
	stream->work.run = run_stream;
	stream->guarded.work = &stream->work;
	stream->guarded.text = text;

	rt_work_run(&stream->work);

	if (stream->is_call && stream->work.fault.code == NULL)
		return rt_call_run(request);
	if (stream->guarded.function != NULL)
		note_time(stream);
	if (stream->work.fault.code != NULL)
	{
		note_failure(stream);
		rt_work_reply_fault(&stream->work);
	}
	return rt_work_result(&stream->work);
}

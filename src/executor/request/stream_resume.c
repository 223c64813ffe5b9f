/*
 * stream_resume.c
 *		What a client gets that says what it has.
 *
 * From the cheapest to the dearest: the events since its number, as far as
 * they are kept; those that delta_from_seq has kept for longer; nothing, if the
 * value still has the version that it names; the rows that have changed since
 * that version; all of the value.
 */
#include "postgres.h"

#include <inttypes.h>

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/snapmgr.h"

#include "src/catalog/event_merge.h"
#include "src/catalog/message_store.h"
#include "src/executor/request/stream.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/service.h"
#include "src/ipc/score.h"
#include "src/protocol/json.h"

/* ---- events that are kept ---- */

static void
append_missed(RtStreamWork *stream, StringInfo out, const RtReplayRow *row,
			  size_t cap)
{
	if (out->len > 1)
		appendStringInfoChar(out, ',');
	enlargeStringInfo(out, cap);
	out->len += rt_frame_replay_item(out->data + out->len, cap, row->seq,
									 (RtText) {stream->topic, stream->topic_len},
									 (RtText) {row->event, row->event_len},
									 (RtText) {row->data, row->data_len});
}

/*
 * As many as fit, in a JSON array.  What does not fit is read by repairs, so
 * this finds out only for itself whether an event is missing, and returns false
 * then.
 */
static bool
list_missed(RtStreamWork *stream, const RtReplayNumbers *numbers,
			Snapshot snapshot, StringInfo out)
{
	uint32		limit = stream->work.request->asked.limit;
	int64		last = stream->work.request->asked.since;
	RtReplayScan *scan = rt_replay_begin(stream->topic, stream->topic_len,
										 last, snapshot);
	RtReplayRow row;
	bool		more = false;

	appendStringInfoChar(out, '[');
	while (rt_replay_next(scan, &row) &&
		   row.seq == last + 1 && row.event != NULL)
	{
		size_t		cap = RT_FRAME_OVERHEAD + stream->topic_len + row.event_len +
			row.data_len;

		more = out->len + cap > limit;
		if (more)
			break;
		append_missed(stream, out, &row, cap);
		rt_score(RT_SCORE_REPLAY_MESSAGES);
		last = row.seq;
	}
	rt_replay_end(scan);
	appendStringInfoChar(out, ']');
	if (more)
		stream->flags |= RT_TOPIC_MORE;
	stream->reply.seq = last;
	return more || last == numbers->newest;
}

static bool
replay_missed(RtStreamWork *stream, const RtReplayNumbers *numbers,
			  Snapshot snapshot)
{
	RtStreamReply *reply = &stream->reply;
	int64		since = stream->work.request->asked.since;
	StringInfoData data;

	if (since < numbers->floor || since > numbers->newest)
	{
		rt_score(RT_SCORE_REPLAY_TRUNCATIONS);
		return false;
	}
	initStringInfo(&data);
	if (!list_missed(stream, numbers, snapshot, &data))
	{
		reply->seq = numbers->newest;
		return false;
	}
	reply->replay = RT_REPLAYED_YES;
	reply->data_json = (RtText) {data.data, data.len};
	stream->tier = RT_TIER_REPLAYED;
	return true;
}

/* ---- events that delta_from_seq has ---- */

static void
refuse_event(RtStreamWork *stream)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("delta_from_seq of stream \"%s\" has returned something that is no event",
					stream->declaration->path),
			 errdetail("Each element is an object {event, data, seq}.")));
}

/* {event, data, seq} as the client takes it. */
static void
append_event(RtStreamWork *stream, StringInfo out, Jsonb *item)
{
	JsonbValue *event = rt_jsonb_member(item, "event");
	JsonbValue *data = rt_jsonb_member(item, "data");
	JsonbValue *seq = rt_jsonb_member(item, "seq");
	const char *name;
	Jsonb	   *value;

	if (event == NULL || event->type != jbvString ||
		seq == NULL || seq->type != jbvNumeric || data == NULL)
		refuse_event(stream);
	name = pnstrdup(event->val.string.val, event->val.string.len);
	value = JsonbValueToJsonb(data);
	if (rt_event_carries_item(stream->declaration->merge, name, strlen(name)))
		value = rt_stream_pipe_event(stream, &name, value);
	if (value != NULL && rt_event_carries_item(stream->declaration->merge, name, strlen(name)))
		value = rt_stream_transform(stream, value);
	if (value == NULL)
		return;
	if (out->len > 1)
		appendStringInfoChar(out, ',');
	appendStringInfo(out, "{\"seq\":%s,\"topic\":\"%s\",\"event\":",
					 DatumGetCString(DirectFunctionCall1(numeric_out,
														 NumericGetDatum(seq->val.numeric))),
					 stream->topic);
	escape_json(out, name);
	appendStringInfoString(out, ",\"data\":");
	rt_stream_append(stream, out, value);
	appendStringInfoChar(out, '}');
}

static bool
bridge_missed(RtStreamWork *stream)
{
	RtFunction *function = rt_stream_function(stream, RT_STREAM_DELTA_FROM_SEQ);
	NullableDatum since = {.value = Int64GetDatum(stream->work.request->asked.since)};
	NullableDatum events;
	Jsonb	   *array;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;
	StringInfoData data;

	if (function == NULL)
		return false;
	events = rt_stream_invoke(stream, function, &since, 1);
	if (events.isnull)
		return false;
	array = DatumGetJsonbP(events.value);
	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
		refuse_event(stream);

	initStringInfo(&data);
	appendStringInfoChar(&data, '[');
	iterator = JsonbIteratorInit(&array->root);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			append_event(stream, &data, JsonbValueToJsonb(&element));
	}
	appendStringInfoChar(&data, ']');
	stream->reply.replay = RT_REPLAYED_YES;
	stream->reply.data_json = (RtText) {data.data, data.len};
	stream->tier = RT_TIER_BRIDGED;
	return true;
}

/* ---- versions ---- */

static const RtStreamWork *asking = NULL;	/* for its version */

PG_FUNCTION_INFO_V1(realtime_topic_version);

/*
 * Changes with each event of the topic.  Rows become visible before their events
 * are in the ring, and this was read before the snapshot was taken: a value may
 * have more than its version says, but never less.  A hash, because how much is
 * published is nobody's business.
 */
Datum
realtime_topic_version(PG_FUNCTION_ARGS)
{
	uint64		what[3];

	if (asking == NULL || !asking->has_moved_until)
		PG_RETURN_NULL();
	what[0] = rt_ring_beginning();
	what[1] = asking->moved_until;
	what[2] = rt_catalog_generation();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%016" PRIx64,
											  hash_bytes_extended((unsigned char *) what,
																  sizeof(what), 0))));
}

/* The version that the client has, as a text; NULL = it has said none. */
static char *
version_of_client(RtStreamWork *stream)
{
	RtRequest  *request = stream->work.request;
	RtSpan		span = {request->asked.version.off, request->asked.version.len};
	const char *text = stream->guarded.text;
	char	   *decoded;

	if (span.len == 0 || rt_json_is_null(text, span))
		return NULL;
	if (!rt_json_is_string(text, span))
		return pnstrdup(text + span.off, span.len);
	decoded = palloc(span.len + 1);
	return rt_json_string_decode(text, span, decoded, span.len + 1) < 0 ?
		NULL : decoded;
}

static void
tell_version(RtStreamWork *stream)
{
	RtFunction *function = rt_stream_function(stream, RT_STREAM_DELTA_VERSION);
	NullableDatum version = {.isnull = true};

	if (function == NULL)
		return;
	asking = stream;
	PG_TRY();
	{
		version = rt_stream_invoke(stream, function, NULL, 0);
	}
	PG_FINALLY();
	{
		asking = NULL;
	}
	PG_END_TRY();
	if (!version.isnull)
		stream->reply.version = RT_TEXT(TextDatumGetCString(version.value));
}

/* Whether the client has the value, or can make it of the rows it gets. */
static bool
tell_difference(RtStreamWork *stream)
{
	RtStreamReply *reply = &stream->reply;
	char	   *known = version_of_client(stream);
	RtFunction *diff = rt_stream_function(stream, RT_STREAM_DELTA_DIFF);
	NullableDatum since;
	NullableDatum rows;

	if (known == NULL || reply->version.len == 0)
		return false;
	if (strcmp(known, reply->version.ptr) == 0)
	{
		reply->unchanged = true;
		reply->data_json = RT_TEXT("[]");
		stream->tier = RT_TIER_UNCHANGED;
		return true;
	}
	/* what is sorted or cut off has to be looked at as a whole */
	if (diff == NULL || (stream->declaration->pipe != NULL && stream->declaration->pipe->cuts))
		return false;
	since.value = CStringGetTextDatum(known);
	since.isnull = false;
	rows = rt_stream_invoke(stream, diff, &since, 1);
	if (rows.isnull || !JB_ROOT_IS_ARRAY(DatumGetJsonbP(rows.value)))
		return false;
	reply->delta = true;
	stream->tier = RT_TIER_DIFFERENCE;
	rt_stream_set_rows(stream, DatumGetJsonbP(rows.value));
	return true;
}

/* ---- all together ---- */

/*
 * The data of the newest events: as many as the client keeps, as far as they
 * fit.  Numbers are consecutive, so these are the rows from a number on; the
 * oldest of them give way.
 */
static void
list_latest(RtStreamWork *stream, const RtReplayNumbers *numbers,
			Snapshot snapshot)
{
	int64		since = Max(numbers->newest - stream->reply.max, numbers->floor);
	uint32		limit = stream->work.request->asked.limit;
	RtReplayScan *scan = rt_replay_begin(stream->topic, stream->topic_len,
										 since, snapshot);
	RtReplayRow row;
	List	   *rows = NIL;
	int			first = 0;
	Size		size = 0;
	StringInfoData out;

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

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int i = first; i < list_length(rows); i++)
	{
		if (i > first)
			appendStringInfoChar(&out, ',');
		appendStringInfoString(&out, list_nth(rows, i));
	}
	appendStringInfoChar(&out, ']');
	stream->reply.data_json = (RtText) {out.data, out.len};
}

/*
 * All that there is.  A channel has nothing to begin with but what is kept of
 * a list of the newest.
 */
static void
load_anew(RtStreamWork *stream, const RtReplayNumbers *numbers,
		  Snapshot snapshot)
{
	RtStreamReply *reply = &stream->reply;
	bool		is_channel = rt_stream_is_channel(stream->declaration) &&
		stream->declaration->kind == RT_STREAM_OF_EVENTS;

	if (stream->work.request->asked.since != RT_SINCE_NONE)
		reply->replay = RT_REPLAYED_NO;
	if (!is_channel)
		rt_stream_load(stream);
	else if (stream->work.request->asked.since == RT_SINCE_NONE)
	{
		stream->flags |= RT_TOPIC_FROM_NOW;
		reply->channel = true;
		rt_stream_load(stream);
	}
	else if (stream->declaration->merge == RT_MERGE_LATEST)
		list_latest(stream, numbers, snapshot);
	else
	{
		/* what it has is out of date, and there is nothing to load */
		stream->flags |= RT_TOPIC_FROM_NOW;
		rt_stream_load(stream);
	}
}

/*
 * Events that are kept are to be had while the breaker is broken, too; then
 * without a version.
 */
static bool
may_ask_functions(RtStreamWork *stream, bool replayed)
{
	if (!replayed)
		return rt_stream_may_load(stream);
	return stream->declaration->functions[RT_STREAM_DELTA_VERSION].declared &&
		rt_breaker_begin(&stream->breaker, stream->declaration->breaker, "", NULL);
}

void
rt_stream_resume(RtStreamWork *stream)
{
	Snapshot	snapshot = GetActiveSnapshot();
	RtReplayNumbers numbers = {-1, -1};
	bool		resumes;
	bool		replayed;

	if (stream->numbered)
		numbers = rt_replay_numbers(stream->topic, stream->topic_len, snapshot);
	stream->reply.seq = numbers.newest;

	/* a list that is merged again would have its rows twice */
	resumes = stream->numbered && stream->work.request->asked.since >= 0 &&
		stream->declaration->merge != RT_MERGE_LATEST;
	replayed = resumes && replay_missed(stream, &numbers, snapshot);
	if (!may_ask_functions(stream, replayed))
		return;
	tell_version(stream);
	if (replayed || (resumes && bridge_missed(stream)))
		return;
	if (!tell_difference(stream))
		load_anew(stream, &numbers, snapshot);
}

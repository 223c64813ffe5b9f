/*
 * resume.c
 *		Gives clients the events of replay topics that they have missed.
 *
 * Three requests that read the same rows: "replay" and "resume" are frames of
 * clients, answered on "__replay:<topic>", after the question who may
 * subscribe; "repair" is a gateway's, for a subscription that has lost events,
 * and is answered with these events as they would have been delivered.
 *
 * Reading is our own work: it runs as the executor, in a transaction of its
 * own.  As with streams (stream.c) the ring's position is read before the
 * snapshot is taken.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/snapmgr.h"

#include "src/catalog/message_store.h"
#include "src/errcodes.h"
#include "src/executor/reply.h"
#include "src/executor/request/access.h"
#include "src/executor/request/resume.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/score.h"
#include "src/protocol/envelope.h"
#include "src/protocol/frame.h"
#include "src/protocol/topic.h"

/* A topic whose events are read, and what has come of it. */
typedef struct Reading
{
	const char *topic;
	int			len;
	char		quoted[RT_TOPIC_MAX + 2];	/* as JSON */
	int64		since;
	bool		numbered;
	int64		seq;			/* the last one that is answered */
	uint8		flags;			/* RT_TOPIC_* */
} Reading;

typedef struct Replay
{
	RtWork		work;			/* first */
	RtText		req_id;			/* REPLAY: JSON, may be absent */
	int			count;
	Reading    *readings;
	StringInfoData frames;
} Replay;

/* ---- frames ---- */

/* Where the payload of the next frame may be written, up to cap bytes. */
static char *
begin_frame(StringInfo frames, size_t cap)
{
	enlargeStringInfo(frames, RT_FRAME_HEADROOM + cap);
	return frames->data + frames->len + RT_FRAME_HEADROOM;
}

/* Puts the header before it and both behind the last frame. */
static void
end_frame(StringInfo frames, size_t payload_len)
{
	char	   *to = frames->data + frames->len;
	size_t		frame_len;
	char	   *frame = rt_frame_seal(to, payload_len, RT_OPCODE_TEXT, &frame_len);

	memmove(to, frame, frame_len);
	frames->len += frame_len;
}

static RtText
quoted_topic(Reading *reading)
{
	return rt_topic_quote(reading->quoted, reading->topic, reading->len);
}

/* An event as it was delivered to others, or as a replayed one. */
static void
add_event(Replay *replay, Reading *reading, const RtReplayRow *row, size_t cap)
{
	RtText		event = {row->event, row->event_len};
	RtText		data = {row->data, row->data_len};
	char	   *payload = begin_frame(&replay->frames, cap);
	size_t		len;

	if (replay->work.request->asked.kind == RT_REQUEST_REPAIR)
		len = rt_payload_event(payload, cap, (RtText) {reading->topic, reading->len},
							   event, data, row->seq);
	else
		len = rt_payload_replay_message(payload, cap, quoted_topic(reading),
										row->seq, event, data, replay->req_id);
	end_frame(&replay->frames, len);
}

static void
add_truncated(Replay *replay, Reading *reading)
{
	size_t		cap = RT_FRAME_OVERHEAD + reading->len + 2;
	char	   *payload = begin_frame(&replay->frames, cap);

	end_frame(&replay->frames,
			  rt_payload_replay_truncated(payload, cap, quoted_topic(reading)));
}

static void
add_end(Replay *replay, Reading *reading)
{
	size_t		cap = RT_FRAME_OVERHEAD + reading->len + 2;
	char	   *payload = begin_frame(&replay->frames, cap);

	end_frame(&replay->frames,
			  rt_payload_replay_end(payload, cap, quoted_topic(reading),
									RT_TEXT_NONE,
									(reading->flags & RT_TOPIC_TRUNCATED) != 0));
}

/* ---- rows ---- */

/*
 * Adds the events up to the newest, as far as they fit: a repair takes at
 * least one, or it would not come to an end.  It comes in pieces, so each of
 * them finds out only for itself whether an event is missing.
 */
static void
add_events(Replay *replay, Reading *reading, int64 since, Snapshot snapshot)
{
	uint32		limit = replay->work.request->asked.limit;
	bool		repair = replay->work.request->asked.kind == RT_REQUEST_REPAIR;
	int64		newest = reading->seq;
	RtReplayScan *scan = rt_replay_begin(reading->topic, reading->len, since,
										 snapshot);
	RtReplayRow row;

	reading->seq = since;
	for (; rt_replay_next(scan, &row); reading->seq = row.seq)
	{
		size_t		cap = RT_FRAME_OVERHEAD + reading->len + row.event_len +
			row.data_len + replay->req_id.len;

		if (repair && (row.event == NULL || row.seq != reading->seq + 1))
			break;
		if (row.event == NULL)
			continue;			/* a lost mark */
		if ((replay->frames.len > 0 || !repair) &&
			replay->frames.len + cap > limit)
		{
			reading->flags |= RT_TOPIC_MORE;
			break;
		}
		/* told with a number of ours it may not fit into a frame any more */
		if (!repair && cap > RT_FRAME_PAYLOAD_MAX)
			reading->flags |= RT_TOPIC_TRUNCATED;
		else
		{
			add_event(replay, reading, &row, cap);
			rt_score(RT_SCORE_REPLAY_MESSAGES);
		}
	}
	rt_replay_end(scan);
	if (repair && (reading->flags & RT_TOPIC_MORE) == 0 && reading->seq != newest)
		reading->flags |= RT_TOPIC_TRUNCATED;
}

static bool
is_truncated(const Reading *reading, const RtReplayNumbers *numbers, bool repair,
			 Snapshot snapshot)
{
	if (!reading->numbered || reading->since < 0)
		return true;
	if (repair)
		return reading->since < numbers->floor || reading->since > numbers->newest;
	return rt_replay_is_truncated(reading->topic, reading->len, reading->since,
								  numbers, snapshot);
}

/*
 * From where on there is something to tell to whom all cannot be told: what
 * is behind its number, or everything if the number is of another time.
 */
static int64
available_since(const Reading *reading, const RtReplayNumbers *numbers)
{
	if (reading->since >= numbers->floor && reading->since < numbers->newest)
		return reading->since;
	return numbers->floor;
}

static void
read_topic(Replay *replay, Reading *reading, Snapshot snapshot)
{
	bool		repair = replay->work.request->asked.kind == RT_REQUEST_REPAIR;
	RtReplayNumbers numbers = rt_replay_numbers(reading->topic, reading->len, snapshot);
	int64		since = reading->since;

	reading->seq = reading->numbered ? numbers.newest : -1;
	reading->flags = 0;
	if (is_truncated(reading, &numbers, repair, snapshot))
	{
		reading->flags = RT_TOPIC_TRUNCATED;
		rt_score(RT_SCORE_REPLAY_TRUNCATIONS);
		if (repair)
			return;
		add_truncated(replay, reading);
		since = available_since(reading, &numbers);
	}
	if (reading->numbered)
		add_events(replay, reading, since, snapshot);
}

static bool
prepare_replay(RtWork *work)
{
	Replay	   *replay = (Replay *) work;
	bool		resume = work->request->asked.kind == RT_REQUEST_RESUME;
	Snapshot	snapshot;

	if (!rt_work_refresh_declarations(work))
		return false;
	resetStringInfo(&replay->frames);
	work->request->answer_position = rt_ring_position();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	for (int i = 0; i < replay->count; i++)
	{
		Reading    *reading = &replay->readings[i];

		read_topic(replay, reading, snapshot);
		/* nobody repairs what a resume has no room for */
		if (resume && (reading->flags & RT_TOPIC_MORE) != 0)
			reading->flags |= RT_TOPIC_TRUNCATED;
		if (resume)
			add_end(replay, reading);
	}
	UnregisterSnapshot(snapshot);
	return false;
}

/* ---- requests ---- */

static Replay *
make_replay(RtRequest *request, int count)
{
	Replay	   *replay = palloc0(sizeof(Replay));

	replay->work.request = request;
	replay->work.prepare = prepare_replay;
	replay->readings = palloc0(Max(1, count) * sizeof(Reading));
	initStringInfo(&replay->frames);
	return replay;
}

static Reading *
add_reading(Replay *replay, const char *topic, int len, int64 since,
			bool numbered)
{
	Reading    *reading = &replay->readings[replay->count++];

	reading->topic = topic;
	reading->len = len;
	reading->since = since;
	reading->numbered = numbered;
	return reading;
}

/* The gateway has to make do with less, or asks again. */
static void
set_answer(Replay *replay)
{
	RtRequest  *request = replay->work.request;
	StringInfoData topics;

	if (replay->work.unavailable)
	{
		rt_reply_unavailable(request);
		return;
	}
	initStringInfo(&topics);
	for (int i = 0; i < replay->count; i++)
	{
		const Reading *reading = &replay->readings[i];

		rt_reply_add_topic(&topics, reading->topic, reading->len, reading->seq,
						   reading->flags);
	}
	if (replay->work.fault.code != NULL ||
		!rt_reply_topics(request, RT_ANSWER_REPLAY, &topics,
						 replay->frames.data, replay->frames.len))
	{
		rt_reply_reset(request);
		request->answer_kind = RT_ANSWER_FAILED;
	}
}

static RtWorkResult
run_replay(Replay *replay)
{
	rt_work_run(&replay->work);
	set_answer(replay);
	return rt_work_result(&replay->work);
}

/* The subscription was granted: nobody has to be asked again. */
RtWorkResult
rt_repair_run(RtRequest *request)
{
	Replay	   *replay = make_replay(request, 1);

	add_reading(replay, rt_work_path(request),
				request->asked.path.len, request->asked.since, true);
	replay->work.activity = replay->readings[0].topic;
	replay->work.kind = "resume";
	return run_replay(replay);
}

static void
answer_denial(RtRequest *request, const RtAccessTopic *topic)
{
	StringInfoData topics;
	const char *code = topic->verdict == RT_VERDICT_STREAM ?
		rt_code_wire(RT_CODE_FORBIDDEN) : topic->reason;

	initStringInfo(&topics);
	if (!rt_reply_topics(request, RT_ANSWER_REPLAY, &topics, code, strlen(code)))
		request->answer_kind = RT_ANSWER_FAILED;
}

RtWorkResult
rt_replay_run(RtRequest *request)
{
	const char *text = rt_shared_text_get(&request->text);
	Replay	   *replay = make_replay(request, 1);
	RtAccessTopic topic;
	RtWorkResult result;

	memset(&topic, 0, sizeof(topic));
	topic.name = rt_work_path(request);
	topic.len = request->asked.path.len;
	if (!rt_access_decide(request, &topic, 1, &result))
	{
		rt_reply_unavailable(request);
		return result;
	}
	if (!rt_verdict_allows(topic.verdict))
	{
		answer_denial(request, &topic);
		return result;
	}
	if (result.session_is_spoiled)
	{
		request->answer_kind = RT_ANSWER_FAILED;
		return result;
	}

	add_reading(replay, topic.name, topic.len, request->asked.since, topic.numbered);
	replay->req_id = (RtText) {text + request->asked.id.off, request->asked.id.len};
	replay->work.activity = topic.name;
	replay->work.kind = "resume";
	return run_replay(replay);
}

/* Returns how many topics there are; since has their numbers. */
static int
read_asked_topics(RtRequest *request, RtAccessTopic **topics, int64 **since)
{
	const char *p = rt_shared_text_get(&request->text) + request->asked.args.off;
	const char *end = p + request->asked.args.len;
	RtAskedTopic asked;
	int			count = 0;

	*topics = palloc0(RT_SUBSCRIBE_BATCH_MAX * sizeof(RtAccessTopic));
	*since = palloc(RT_SUBSCRIBE_BATCH_MAX * sizeof(int64));
	for (; p < end && count < RT_SUBSCRIBE_BATCH_MAX; p += sizeof(asked) + asked.len)
	{
		memcpy(&asked, p, sizeof(asked));
		(*topics)[count].name = pnstrdup(p + sizeof(asked), asked.len);
		(*topics)[count].len = asked.len;
		(*since)[count] = asked.since;
		count++;
	}
	return count;
}

/* Of topics that may not be had, or have no numbers, nothing is said. */
RtWorkResult
rt_resume_run(RtRequest *request)
{
	RtAccessTopic *topics;
	int64	   *since;
	int			count = read_asked_topics(request, &topics, &since);
	Replay	   *replay = make_replay(request, count);
	RtWorkResult result;

	if (!rt_access_decide(request, topics, count, &result))
	{
		rt_reply_unavailable(request);
		return result;
	}
	for (int i = 0; i < count && !result.session_is_spoiled; i++)
	{
		if (topics[i].numbered && rt_verdict_allows(topics[i].verdict))
			add_reading(replay, topics[i].name, topics[i].len, since[i], true);
	}
	if (result.session_is_spoiled || replay->count == 0)
	{
		request->answer_kind = RT_ANSWER_NONE;
		return result;
	}
	replay->work.activity = "resume";
	return run_replay(replay);
}

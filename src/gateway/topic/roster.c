/*
 * roster.c
 *		The value of streams that show who is present.
 *
 * An executor has said who may have it; only here it is known where in the ring it
 * is of.  Whoever asks is present himself before it is taken, so it shows him.
 *
 * What has changed is told before a roster is taken, so rosters wait until it is
 * time for that: of a thousand that come together others are told in a few frames.
 *
 * What changes is put into the ring only while somebody follows it.  So an answer
 * that waits, or is on its way, shows interest (parts.c).
 *
 * What does not fit into the reply follows as events of the stream, frame by frame
 * as the client reads, as parts of other values do; the subscription comes with the
 * last of them and goes on from where the value is of.
 */
#include "postgres.h"

#include "src/gateway/presence.h"
#include "src/gateway/presence_frame.h"
#include "src/gateway/topic/parts.h"
#include "src/gateway/topic/roster.h"
#include "src/gateway/topic/stream.h"
#include "src/protocol/frame.h"

typedef struct Roster
{
	const RtStreamAnswer *answer;
	const RtAsker *asker;
	char	   *frames;			/* malloc'd */
	size_t		len;
	size_t		size;
	bool		failed;			/* there is no memory for them */
} Roster;

static bool
make_room(Roster *roster, size_t len)
{
	size_t		size = Max(roster->size * 2, roster->len + len);
	char	   *frames;

	if (roster->len + len <= roster->size)
		return true;
	frames = realloc(roster->frames, size);
	if (frames == NULL)
	{
		roster->failed = true;
		return false;
	}
	roster->frames = frames;
	roster->size = size;
	return true;
}

/* The reply with the first of them. */
static void
write_reply(Roster *roster, RtText rows)
{
	RtStreamReply reply = {
		.data_json = rows,.topic = roster->answer->topic,
		.merge = RT_TEXT("presence"),.seq = -1,
		.replay = roster->answer->since != RT_SINCE_NONE ? RT_REPLAYED_NO : 0
	};
	RtText		id = roster->asker->id_json;
	size_t		cap = rt_payload_stream_length(&reply) + 2 * id.len;
	size_t		len;
	char	   *frame;

	if (!make_room(roster, RT_FRAME_HEADROOM + cap))
		return;
	len = rt_payload_stream(roster->frames + RT_FRAME_HEADROOM, cap, id, &reply);
	Assert(len > 0);
	frame = rt_frame_seal(roster->frames, len, RT_OPCODE_TEXT, &len);
	memmove(roster->frames, frame, len);
	roster->len = len;
}

/* The lock of presence is held: nothing is sent here. */
static void
take_piece(RtText piece, void *arg)
{
	Roster	   *roster = arg;

	if (roster->failed)
		return;
	if (roster->len == 0)
		write_reply(roster, piece);
	else if (make_room(roster, piece.len))
	{
		memcpy(roster->frames + roster->len, piece.ptr, piece.len);
		roster->len += piece.len;
	}
}

static void
take_roster(Roster *roster, RtStreamAnswer *answer, bool batch)
{
	RtPresenceRoll roll = {
		.form = RT_PRESENCE_ROWS,.topic = rt_presence_topic(answer),
		.batch = batch,.take = take_piece,.arg = roster
	};

	rt_presence_roll_begin(&roll);
	answer->position = rt_presence_snapshot(roll.topic.ptr, roll.topic.len, rt_presence_publish,
											rt_presence_roll_add, &roll);
	roster->failed |= !rt_presence_roll_end(&roll);
	answer->frames = (RtText) {roster->frames, roster->len};
	answer->id_json = roster->asker->id_json;
}

/* They are this connection's alone: nobody shares what is kept of them. */
static bool
send_in_parts(RtConnection *connection, const RtStreamAnswer *answer, const RtAsker *asker)
{
	bool		begun = rt_parts_begin(connection, answer, asker);

	rt_parts_forget_answer();
	return begun;
}

bool
rt_roster_grant(RtConnection *connection, const RtStreamAnswer *answer, const RtAsker *asker)
{
	if (answer->presence.len > 0)
		rt_presence_arrive(connection, answer);
	return rt_parts_wait_for_roster(connection, answer, asker);
}

bool
rt_roster_send(RtConnection *connection, RtStreamAnswer *answer, const RtAsker *asker)
{
	Roster		roster = {.answer = answer,.asker = asker};
	bool		granted = true;

	take_roster(&roster, answer, connection->caps_batch);
	if (roster.failed)
		rt_asker_refuse(asker, connection, RT_CODE_OVERLOADED);
	else if (rt_frame_length(roster.frames) < roster.len)
		granted = send_in_parts(connection, answer, asker);
	else
		granted = rt_stream_grant_last(connection, answer, asker, answer->frames);
	free(roster.frames);
	return granted;
}

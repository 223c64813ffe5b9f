/*
 * club_roll.c
 *		Who is in a group, for members who have missed something.
 *
 * As for a stream (stream.c) the ring's position is read and the snapshot taken with
 * the lock of the topic: what is published behind it is not in the answer, and all
 * else is.
 */
#include "postgres.h"

#include "utils/snapmgr.h"

#include "src/executor/club.h"
#include "src/executor/reply.h"
#include "src/executor/request/club_roll.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/topic_lock.h"
#include "src/protocol/topic.h"

#define LOCK_WAIT_MS 500		/* for those who publish; the gateway asks again */

typedef struct RollWork
{
	RtWork		work;			/* first */
	const char *topic;
	RtText		frame;
} RollWork;

static bool
prepare(RtWork *work)
{
	if (!rt_work_refresh_declarations(work))
		return false;
	work->read_only = true;
	return true;
}

static void
take_snapshot(RtWork *work)
{
	RollWork   *roll = (RollWork *) work;
	uint32		partition = rt_topic_partition(rt_topic_hash(roll->topic, strlen(roll->topic)));

	rt_partition_lock_for(partition, ShareLock, LOCK_WAIT_MS);
	work->request->answer_position = rt_ring_position();
	(void) GetTransactionSnapshot();
	rt_partition_unlock(partition, ShareLock);
}

static void
run(RtWork *work)
{
	RollWork   *roll = (RollWork *) work;

	work->stage = RT_STAGE_HANDLER;
	roll->frame = rt_club_roll(roll->topic + strlen(RT_GROUP_PREFIX));
}

static void
set_answer(RollWork *roll)
{
	RtRequest  *request = roll->work.request;
	StringInfoData topics;

	if (roll->work.unavailable)
	{
		rt_reply_unavailable(request);
		return;
	}
	initStringInfo(&topics);
	rt_reply_add_topic(&topics, roll->topic, strlen(roll->topic), -1, 0);
	if (roll->work.fault.code != NULL ||
		!rt_reply_topics(request, RT_ANSWER_REPLAY, &topics, roll->frame.ptr, roll->frame.len))
	{
		rt_reply_reset(request);
		request->answer_kind = RT_ANSWER_FAILED;
	}
}

bool
rt_club_roll_is_asked(RtRequest *request)
{
	Size		prefix = strlen(RT_GROUP_PREFIX);

	return request->asked.path.len > prefix &&
		memcmp(rt_shared_text_get(&request->text) + request->asked.path.off,
			   RT_GROUP_PREFIX, prefix) == 0;
}

RtWorkResult
rt_club_roll_run(RtRequest *request)
{
	RollWork   *roll = palloc0(sizeof(RollWork));

	roll->topic = rt_work_path(request);
	rt_work_begin(&roll->work, request, roll->topic, prepare, run);
	roll->work.kind = "club";
	roll->work.take_snapshot = take_snapshot;
	roll->work.as_executor = true;
	rt_work_run(&roll->work);
	set_answer(roll);
	return rt_work_result(&roll->work);
}

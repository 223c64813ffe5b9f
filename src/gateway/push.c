/*
 * push.c
 *		What sessions ask clients.
 *
 * A reply goes to who has asked only if it comes from the connection that was
 * asked, so nobody can answer for somebody else.
 */
#include "postgres.h"

#include "src/gateway/gateway.h"
#include "src/gateway/push.h"
#include "src/gateway/topic/topic_list.h"
#include "src/ipc/assertion.h"
#include "src/ipc/push.h"

#define TURN_MAX 256			/* sent in a turn */

static RtPushTarget
target_of(const RtConnection *connection)
{
	return (RtPushTarget) {rt_gateway.index, connection->index, connection->serial};
}

static void
ask_one(const RtPushFrame *asked)
{
	RtConnection *connection = rt_connection_find(asked->target.connection,
												  asked->target.serial);
	RtEventFrame frame = rt_event_frame(asked->bytes, asked->len);

	if (connection == NULL)
		rt_push_settle(&asked->target, asked->ref, RT_PUSH_GONE, "", 0);
	else if (!rt_connection_deliver(connection, &frame))
		rt_push_settle(&asked->target, asked->ref, RT_PUSH_BLOCKED, "", 0);
	else
		connection->pushes++;
}

static void
tell_topics(const RtPushFrame *asked)
{
	uint32		len;
	char	   *list = rt_topic_list_make(&len);

	if (list == NULL)
		rt_push_settle(&asked->target, asked->ref, RT_PUSH_TOO_LARGE, "", 0);
	else
		rt_push_settle(&asked->target, asked->ref, RT_PUSH_REPLIED, list, len);
	free(list);
}

void
rt_pushes_send(void)
{
	static RtPushFrame asked;	/* its buffer is kept */

	for (int i = 0; i < TURN_MAX && rt_pushes_are_asked(rt_gateway.index); i++)
	{
		if (!rt_push_take(rt_gateway.index, &asked))
			continue;
		if (asked.target.serial == RT_PUSH_GATEWAY)
			tell_topics(&asked);
		else
			ask_one(&asked);
	}
}

/* A reply without data is undefined, in JavaScript. */
static bool
settle(RtConnection *connection, const char *text, const RtEnvelope *envelope, uint64 ref)
{
	RtPushTarget target = target_of(connection);

	if (envelope->error.len > 0)
		return rt_push_settle(&target, ref, RT_PUSH_REFUSED, text + envelope->error.off,
							  envelope->error.len);
	if (envelope->data.len > 0)
		return rt_push_settle(&target, ref, RT_PUSH_REPLIED, text + envelope->data.off,
							  envelope->data.len);
	return rt_push_settle(&target, ref, RT_PUSH_REPLIED, "null", 4);
}

void
rt_push_reply_frame(RtConnection *connection, const char *text, const RtEnvelope *envelope)
{
	int64		ref = rt_json_integer(text, envelope->ref);

	if (connection->pushes > 0 && ref > 0 && settle(connection, text, envelope, ref))
		connection->pushes--;
	else
	{
		rt_count(frames_ignored);
		rt_push_count_late();
	}
}

void
rt_push_forget(RtConnection *connection)
{
	RtPushTarget target = target_of(connection);

	if (connection->pushes == 0)
		return;
	rt_holds(rt_pushes_abandon(&target) <= connection->pushes, RT_ASSERTION_PUSH,
			 "A connection was asked more than it knows of.");
	connection->pushes = 0;
}

/*
 * member.c
 *		Tells streams who begins and ceases to follow them.
 *
 * Each member is told of twice, by a request each: that it has joined, and,
 * when that is answered, that it has left.  What is to be asked waits in a
 * queue, which has room for all, so nothing is forgotten when there is no slot.
 *
 * Of a gateway that ends, those that it had made stay in shared memory.  The
 * next one in its place tells that they have left.
 */
#include "postgres.h"

#include "src/gateway/ask.h"
#include "src/gateway/departure.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/member.h"
#include "src/guc.h"
#include "src/ipc/member.h"
#include "src/ipc/service.h"

/* A ring of members of which something is to be asked. */
static int *waiting = NULL;
static uint32 first = 0;
static uint32 count = 0;
static int	in_flight = 0;

static void
put_in_queue(int index)
{
	RtMember   *member = rt_member_get(index);

	if (member->queued)
		return;
	member->queued = true;
	waiting[(first + count++) % realtime_max_members] = index;
}

void
rt_members_inherit(void)
{
	waiting = MemoryContextAllocHuge(rt_gateway.context,
									 sizeof(int) * (Size) realtime_max_members);
	for (int index = rt_member_next(rt_gateway.index, RT_MEMBER_NONE);
		 index != RT_MEMBER_NONE; index = rt_member_next(rt_gateway.index, index))
	{
		RtMember   *member = rt_member_get(index);

		member->queued = false;
		member->connection_serial = 0;
		/* if nobody has told that it joined, nobody does now */
		if (rt_member_claim(index, member->serial, RT_MEMBER_JOINED, RT_MEMBER_NONE))
		{
			rt_member_free(index);
			continue;
		}
		member->joined = true;
		rt_member_leave(index);
		put_in_queue(index);
	}
}

bool
rt_member_enter(RtSubscription *subscription, const char *path, size_t path_len)
{
	const RtConnection *connection = subscription->connection;
	const RtTopic *topic = subscription->topic;

	if (subscription->member != RT_MEMBER_NONE)
		return true;
	subscription->member =
		rt_member_join(rt_gateway.index, rt_gateway.generation,
					   connection->session, connection->id, path, path_len,
					   topic->name, topic->name_len);
	if (subscription->member == RT_MEMBER_NONE)
		return false;
	rt_member_get(subscription->member)->connection_serial =
		rt_departure_owe(connection);
	if (path_len > 0)
		put_in_queue(subscription->member);
	return true;
}

bool
rt_member_enter_by_name(RtSubscription *subscription)
{
	return rt_member_enter(subscription, "", 0);
}

void
rt_member_note_missed(RtRequest *request, const char *topic, size_t len)
{
	int			index = rt_member_join(rt_gateway.index, rt_gateway.generation,
									   request->asked.session,
									   request->asked.connection_id, "", 0, topic, len);

	if (index == RT_MEMBER_NONE)
		return;
	rt_member_leave(index);
	put_in_queue(index);
}

void
rt_member_exit(RtSubscription *subscription)
{
	if (subscription->member == RT_MEMBER_NONE)
		return;
	rt_member_leave(subscription->member);
	put_in_queue(subscription->member);
	subscription->member = RT_MEMBER_NONE;
}

/* ---- asking ---- */

/* What waits for it goes on. */
static void
free_member(int index)
{
	rt_departure_settle(rt_member_get(index)->connection_serial);
	rt_member_free(index);
}

/* Returns false if there is no room for it. */
static bool
ask_about(int index)
{
	const RtMember *member = rt_member_get(index);
	RtQuestionTexts texts = {
		.path = {member->path, strlen(member->path)},
		.args = {member->topic, strlen(member->topic)}
	};
	RtQuestion	question;

	memset(&question, 0, sizeof(question));
	question.kind = member->joined ? RT_REQUEST_LEAVE : RT_REQUEST_JOIN;
	question.session = member->session;
	question.subject = index;
	question.ticket = member->serial;
	question.since = member->remaining;
	strlcpy(question.connection_id, member->connection_id,
			sizeof(question.connection_id));
	return rt_ask_for_nobody(NULL, &question, &texts);
}

/* If the service has ended nobody can be told. */
static bool
can_be_told(void)
{
	return rt_gateway.stopping || rt_service_takes_requests();
}

/* Of a gateway that has died the first may still be under way. */
static bool
is_too_early(int index)
{
	return rt_member_get(index)->joined &&
		rt_member_is_being_told(index, RT_MEMBER_JOINED);
}

void
rt_members_begin(void)
{
	uint32		left = count;

	while (left-- > 0 && rt_ask_has_part(in_flight))
	{
		int			index = waiting[first];

		if (!can_be_told())
			free_member(index);
		else if (is_too_early(index))
			waiting[(first + count++) % realtime_max_members] = index;
		else if (ask_about(index))
			in_flight++;
		else
			break;
		first = (first + 1) % realtime_max_members;
		count--;
	}
}

bool
rt_members_waiting(void)
{
	return count > 0;
}

void
rt_member_answer(const RtRequest *request)
{
	int			index = (int) request->asked.subject;
	RtMember   *member = rt_member_get(index);

	in_flight--;
	member->queued = false;
	if (member->joined)
	{
		free_member(index);
		return;
	}
	member->joined = true;
	if (member->left)
		put_in_queue(index);
}

/*
 * publish_request.c
 *		Publishes what the scheduler has kept until its time came: messages
 *		packed as in packed_message.h, in one transaction.
 *
 * They have passed their checks already.  What has grown too large for a
 * transaction or a frame since becomes a refetch marker: nobody is there to
 * whom it could be refused.
 */
#include "postgres.h"

#include "src/backend/publish.h"
#include "src/catalog/declaration.h"
#include "src/executor/publish_request.h"
#include "src/executor/reply.h"
#include "src/ipc/packed_message.h"

static bool
prepare_publish(RtWork *work)
{
	if (rt_declarations_refresh())
		return true;
	work->unavailable = true;
	rt_fault_set(&work->fault, RT_CODE_SERVICE_UNAVAILABLE, NULL);
	return false;
}

static void
publish_message(const RtPackedMessage *message)
{
	RtEvent		event;

	memset(&event, 0, sizeof(event));
	event.topic = message->topic;
	event.topic_len = message->topic_len;
	event.event = message->event;
	event.event_len = message->event_len;
	event.data = message->data;
	event.data_len = message->data_len;
	rt_publish_resolve(&event);
	if (message->event_len > 0 && rt_pending_fits(&event))
		rt_pending_add(&event);
	else
		rt_pending_add_lost(&event);
}

static void
run_publish(RtWork *work)
{
	RtRequest  *request = work->request;
	const char *next = rt_shared_text_get(&request->text);
	const char *end = next + request->text.len;

	work->stage = RT_STAGE_HANDLER;
	rt_publish_check_session();
	while (next < end)
	{
		RtPackedMessage message;

		next = rt_packed_message_get(next, &message);
		publish_message(&message);
	}
}

RtWorkResult
rt_publish_request_run(RtRequest *request)
{
	RtWork		work;

	memset(&work, 0, sizeof(work));
	work.request = request;
	work.activity = "publish";
	work.prepare = prepare_publish;
	work.run = run_publish;
	rt_work_run(&work);

	rt_reply_reset(request);
	if (work.fault.code != NULL)
		rt_reply_rolled_back(request, &work.fault);
	return rt_work_result(&work);
}

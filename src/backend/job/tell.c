/*
 * tell.c
 *		Tells on its topic what becomes of a job.
 *
 * A job must not fail because its result is too long for an event: who wants that
 * asks for it.  Nor because of anything that is wrong with the topic: who follows it
 * hears nothing then, and the log says why.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "src/attempt.h"
#include "src/backend/job/tell.h"
#include "src/backend/publish/publish.h"
#include "src/ipc/publish_ring.h"
#include "src/protocol/frame.h"

#define ROOM 2048				/* bytes for all that an event has but its data */
#define RING_PART 4				/* of the ring that it may take */

static char *
short_json(const RtJobEvent *event)
{
	char	   *json = rt_job_event_json(event);
	RtJobEvent	rest = *event;
	Size		most = Min(RT_FRAME_PAYLOAD_MAX, rt_ring_capacity() / RING_PART) - ROOM;

	if (event->result == NULL || strlen(json) <= most)
		return json;
	rest.result = NULL;
	return rt_job_event_json(&rest);
}

/* What is told, and to whom. */
typedef struct Told
{
	const RtJobQueue *queue;
	const RtJobEvent *event;
} Told;

/* A transform, and what computes a key, run as the owner of the queue, as its handler does. */
static void
publish(void *arg)
{
	const Told *told = arg;
	char	   *json = short_json(told->event);
	Oid			user;
	int			security;

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(told->queue->owner, security | SECURITY_LOCAL_USERID_CHANGE);
	rt_publish(cstring_to_text(rt_job_topic(told->queue->topic, told->event->id)),
			   cstring_to_text(RT_JOB_EVENT),
			   DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json))));
	SetUserIdAndSecContext(user, security);
}

/* These are the transaction's, whoever meets with them. */
static bool
ends_transaction(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

void
rt_job_tell(const RtJobQueue *queue, const RtJobEvent *event)
{
	Told		told = {.queue = queue,.event = event};
	ErrorData  *error;

	if (queue == NULL || queue->topic == NULL || !rt_publish_is_possible())
		return;
	error = rt_attempt(publish, &told);
	if (error == NULL)
		return;
	if (ends_transaction(error))
		ReThrowError(error);
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("what has become of job " INT64_FORMAT " of queue \"%s\" is not told",
					event->id, event->queue),
			 errdetail_internal("%s", error->message)));
	FreeErrorData(error);
}

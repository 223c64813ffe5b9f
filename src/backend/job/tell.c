/*
 * tell.c
 *		Tells on its topic what becomes of a job.
 *
 * A job must not fail because its result is too long for an event: who wants that
 * asks for it.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

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

void
rt_job_tell(const RtJobQueue *queue, const RtJobEvent *event)
{
	char	   *json;

	if (queue == NULL || queue->topic == NULL)
		return;
	json = short_json(event);
	rt_publish(cstring_to_text(rt_job_topic(queue->topic, event->id)),
			   cstring_to_text(RT_JOB_EVENT),
			   DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json))));
}

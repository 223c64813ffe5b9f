/*
 * ready.c
 *		Whether the server as a whole is ready for clients.
 *
 * That calls can be run (service.h) does not say that they are: executors may be
 * stuck, and answers may wait for standbys.
 */
#include "postgres.h"

#include "src/ipc/ready.h"
#include "src/ipc/request.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"
#include "src/ipc/worker_slot.h"

#define WAIT_MS 5000			/* of what waits for executors */

static bool
executors_are_there(void)
{
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		if (rt_executor_is_present(i))
			return true;
	}
	return false;
}

const char *
rt_ready_reason(void)
{
	RtServiceState state = rt_service_state();

	if (state != RT_SERVICE_READY)
		return rt_service_state_text(state);
	if (!executors_are_there())
		return "no executor is there";
	if (rt_requests_are_late(WAIT_MS))
		return "executors are behind: requests have waited for 5 seconds";
	if (rt_answers_crowd_for_standbys())
		return "too many answers wait for synchronous standbys";
	return NULL;
}

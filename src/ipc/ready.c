/*
 * ready.c
 *		Whether the server as a whole is ready for clients.
 *
 * That calls can be run (service.h) does not say that they are: executors may be
 * stuck, and answers may wait for standbys.
 */
#include "postgres.h"

#include "src/ipc/publish_ring.h"
#include "src/ipc/ready.h"
#include "src/ipc/request.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"
#include "src/ipc/worker_slot.h"

#define WAIT_MS 5000			/* of what waits for executors */
#define BEHIND_PART 2			/* of the ring, that a gateway may be behind */

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

/*
 * Gateways read the ring at least four times on each way round, whatever they have
 * subscribers of.
 */
static bool
is_behind(const RtWorkerSlot *slot)
{
	uint64		read = pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &slot->gateway.ring_position));
	uint64		written = rt_ring_position();

	return written > read &&
		written - read > (uint64) realtime_ring_size * 1024 / BEHIND_PART;
}

static bool
any_gateway_is_behind(void)
{
	for (int i = 0; i < rt_worker_count(RT_WORKER_GATEWAY); i++)
	{
		RtWorkerSlot *slot = rt_worker_slot(RT_WORKER_GATEWAY, i);

		if (pg_atomic_read_u32(&slot->listening) != 0 && is_behind(slot))
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
	if (any_gateway_is_behind())
		return "a gateway is behind: it has not read half of the events that the ring has room for";
	if (rt_answers_crowd_for_standbys())
		return "too many answers wait for synchronous standbys";
	return NULL;
}

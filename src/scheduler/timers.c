/*
 * timers.c
 *		The scheduler's task that has throttled and debounced events published
 *		when they are due.
 *
 * It only says when: the executor that gets the request takes the messages
 * itself.  So there is nothing to lose here, and one request at a time will do:
 * the next one takes what has become due meanwhile.
 */
#include "postgres.h"

#include "src/ipc/clock.h"
#include "src/ipc/timer.h"
#include "src/scheduler/timers.h"

#define NO_SLOT_MS 20			/* before a request is tried again */
#define FAILED_MS 100

static bool asked = false;		/* a request is under way */
static int64 not_before = 0;

int64
rt_timers_task_due(void)
{
	int64		due_us = asked ? RT_TIMER_NEVER : rt_timers_next_due();

	if (due_us == RT_TIMER_NEVER)
		return RT_NEVER;
	return Max((due_us + 999) / 1000, not_before);
}

void
rt_timers_task_run(void)
{
	RtRequest  *request = rt_scheduler_request(RT_REQUEST_PUBLISH);

	if (request == NULL)
	{
		not_before = rt_clock_ms() + NO_SLOT_MS;
		return;
	}
	rt_scheduler_submit(request);
	asked = true;
}

void
rt_timers_task_answered(RtRequest *request)
{
	asked = false;
	if (request->answer_kind != RT_ANSWER_NONE)
		not_before = rt_clock_ms() + FAILED_MS;
}

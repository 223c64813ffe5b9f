/*
 * spin.c
 *		Waiting for an answer without sleeping.
 *
 * A short call is answered sooner than a sleeping process is woken.  With many
 * calls in flight there is other work, and with slow ones waiting burns a
 * core: so we spin only while one or two calls are under way and the recent
 * ones were short.
 */
#include "postgres.h"

#include <sched.h>
#include <time.h>

#include "storage/s_lock.h"

#include "src/gateway/gateway.h"
#include "src/gateway/spin.h"

#define SPIN_US 50
#define SPIN_CALLS_MAX 2
#define LOOKS_PER_CLOCK 16		/* looks at the list between two of the clock */

static double mean_us = 1000.0;	/* of recent calls, from queue to answer */
static double mean_in_flight = 0;	/* when they were queued */

static int64
read_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int
calls_in_flight(void)
{
	return rt_requests_in_flight(rt_gateway.index);
}

/* Only calls that might be spun for are timed: the rest need no clock. */
void
rt_spin_note_queued(RtRequest *request)
{
	int			calls = calls_in_flight();

	mean_in_flight += (calls - mean_in_flight) / 16;
	request->queued_us = calls <= SPIN_CALLS_MAX ? read_clock_us() : 0;
}

void
rt_spin_note_answered(const RtRequest *request)
{
	if (request->queued_us != 0)
		mean_us += (read_clock_us() - request->queued_us - mean_us) / 8;
}

bool
rt_spin_for_answers(void)
{
	int			calls = calls_in_flight();
	int64		deadline;

	if (calls == 0 || calls > SPIN_CALLS_MAX ||
		mean_in_flight > SPIN_CALLS_MAX || mean_us > SPIN_US)
		return false;
	deadline = read_clock_us() + SPIN_US;
	do
	{
		for (int i = 0; i < LOOKS_PER_CLOCK; i++)
		{
			if (rt_answers_pending(rt_gateway.index))
				return true;
			SPIN_DELAY();
		}
		sched_yield();			/* the executor may need this core */
	} while (read_clock_us() < deadline);
	return false;
}

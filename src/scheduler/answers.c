/*
 * answers.c
 *		The task that removes answers which need not be kept any more: those
 *		of calls that must happen once, when their time is over.
 */
#include "postgres.h"

#include "src/catalog/answer_store.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/scheduler/answers.h"

#define BATCH_ROWS 1000			/* removed in one transaction */

static int64 last_run = PG_INT64_MIN / 2;	/* none yet: one is due */
static bool more = false;

int64
rt_answers_due(void)
{
	if (more)
		return 0;
	if (realtime_cleanup_interval == 0)
		return RT_NEVER;
	return last_run + realtime_cleanup_interval;
}

void
rt_answers_run(void)
{
	last_run = rt_clock_ms();
	more = false;				/* an ERROR ends the work for now */
	if (!rt_scheduler_begin())
		return;
	more = rt_answers_remove_expired(BATCH_ROWS) == BATCH_ROWS;
	rt_scheduler_end();
}

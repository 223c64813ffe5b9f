/*
 * due.c
 *		When a group of a live query is run.
 *
 * Soon, as a rule; but what takes long, fails, or reads what somebody has locked is
 * put off, because all others wait while it is tried.
 */
#include "postgres.h"

#include "src/executor/query/due.h"
#include "src/ipc/query_round.h"

#define SHORT_US 100000			/* a restricted run that nobody minds waiting for */
#define RETRY_MS 1000			/* after a failure; longer each time, up to: */
#define RETRY_MAX_MS 60000
#define LOCKED_MS 20			/* likewise, if something is locked */
#define LOCKED_MAX_MS 500
#define FAILING_PAUSE 10		/* times what the last run took */

static int64
took_ms(const RtQueryGroup *group)
{
	return group->counters.last_us / 1000;
}

/* Longer each time, so that what fails again and again costs little. */
static void
put_off(RtQueryGroup *group, int64 now_ms, int64 least_ms, int64 most_ms)
{
	int64		pause_ms = least_ms << Min(group->attempts, 16);

	group->attempts++;
	group->retry_ms = now_ms + Max(least_ms, Min(pause_ms, most_ms));
	rt_query_round_due(group->retry_ms);
}

void
rt_group_put_off_locked(RtQueryGroup *group, int64 now_ms)
{
	put_off(group, now_ms, LOCKED_MS, LOCKED_MAX_MS);
}

void
rt_group_put_off_failed(RtQueryGroup *group, int64 now_ms)
{
	put_off(group, now_ms, Max(RETRY_MS, FAILING_PAUSE * took_ms(group)), RETRY_MAX_MS);
}

/* What fails gets a small part of the time only, also now. */
void
rt_group_try_sooner(RtQueryGroup *group, bool after_command)
{
	int64		pause_ms = FAILING_PAUSE * took_ms(group);

	if (after_command)
		group->attempts = 0;
	else
		pause_ms = Max(pause_ms, RETRY_MS);
	if (!group->failing)
		pause_ms = 0;
	group->retry_ms = Min(group->retry_ms, Max(group->run_ms + pause_ms, 1));
}

/*
 * All of it was run because changes had waited, or as the first: what has changed
 * now will be less. If that had to wait, too, all of it would be run again, and so on.
 * Likewise if only what may have changed was run the last time, and soon done.
 */
static bool
will_be_short(const RtGroupRun *run)
{
	const RtQueryGroup *group = run->group;
	RtQueryWhyFull why_full = group->counters.why_full;

	if (run->changes == NULL)
		return false;
	if (group->was_restricted)
		return group->counters.last_us < SHORT_US;
	return why_full == RT_FULL_UNKNOWN || why_full == RT_FULL_WAITED;
}

bool
rt_group_run_is_due(RtGroupRun *run, int64 now_ms)
{
	const RtQueryGroup *group = run->group;

	if (run->declaration == NULL || (group->run_ms == 0 && group->retry_ms == 0))
		return true;
	/* what takes long gets a part of the time only, because all others wait for it */
	run->due_ms = group->retry_ms != 0 ? group->retry_ms :
		group->run_ms + Max(run->declaration->query->debounce_ms,
							will_be_short(run) ? 0 : 2 * took_ms(group));
	if (run->due_ms <= now_ms)
		return true;
	rt_query_round_due(run->due_ms);
	return false;
}

/*
 * waiting.c
 *		The task that counts jobs and events that wait, for metrics.
 *
 * As long as somebody reads them.  It goes from name to name, one in a turn of the
 * scheduler's, and tells what it has counted when it has been at all of them.  Rows
 * that are dead and that somebody may still see can make a count long: it is given
 * up after LONGEST_MS, and what it was for is not known.  The pause behind a pass is
 * as long as it takes to spend a tenth of the time at most.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timeout.h"

#include "src/attempt.h"
#include "src/catalog/declaration.h"
#include "src/catalog/job_store.h"
#include "src/catalog/waiting_store.h"
#include "src/ipc/clock.h"
#include "src/scheduler/waiting.h"

#define PASS_MS 5000			/* between one and the next, at least */
#define LONGEST_MS 100			/* for one name */

static RtWaiting counted[RT_WAITING_MAX];
static int	name_count = 0;
static int	next = 0;			/* 0 = no pass is under way */
static int64 next_pass = PG_INT64_MIN / 2;	/* none yet: one is due */
static int64 spent_ms = 0;		/* in this pass */

static void
add_name(RtWaitingKind kind, const char *name)
{
	if (name_count == RT_WAITING_MAX)
		return;
	memset(&counted[name_count], 0, sizeof(RtWaiting));
	counted[name_count].kind = kind;
	strlcpy(counted[name_count].name, name, sizeof(counted[name_count].name));
	name_count++;
}

static void
list_names(void)
{
	const ListCell *cell;

	name_count = 0;
	spent_ms = 0;
	foreach(cell, rt_declaration_job_queues())
		add_name(RT_WAITING_JOBS, ((const RtJobQueue *) lfirst(cell))->name);
	foreach(cell, rt_declaration_sinks())
		add_name(RT_WAITING_EVENTS, ((const RtSinkDeclaration *) lfirst(cell))->path);
}

int64
rt_waiting_due(void)
{
	if (!rt_waiting_is_wanted())
		return RT_NEVER;
	return next > 0 ? 0 : next_pass;
}

static void
count_one(void *arg)
{
	enable_timeout_after(STATEMENT_TIMEOUT, LONGEST_MS);
	rt_waiting_count(arg);
	disable_timeout(STATEMENT_TIMEOUT, false);
}

/* What cannot be counted in time, or is locked for so long, is not known. */
static void
count(RtWaiting *waiting)
{
	int64		began = rt_clock_ms();
	ErrorData  *error = rt_attempt(count_one, waiting);

	disable_timeout(STATEMENT_TIMEOUT, false);
	QueryCancelPending = false;
	spent_ms += rt_clock_ms() - began;
	waiting->is_known = error == NULL;
	if (error != NULL && error->sqlerrcode != ERRCODE_QUERY_CANCELED &&
		error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
}

/* What fails is begun anew later. */
void
rt_waiting_run(void)
{
	int			at = next;

	next = 0;
	next_pass = rt_clock_ms() + PASS_MS;
	if (!rt_scheduler_begin())
		return;
	if (at == 0)
		list_names();
	if (at < name_count)
		count(&counted[at]);
	rt_scheduler_end();
	if (at + 1 < name_count)
	{
		next = at + 1;
		return;
	}
	next_pass = rt_clock_ms() + Max(PASS_MS, 10 * spent_ms);
	rt_waiting_tell(counted, name_count);
}

void
rt_waiting_forget(void)
{
	next = name_count = 0;
	rt_waiting_tell(counted, 0);
}

/*
 * waiting.c
 *		The task that counts jobs and events that wait, for metrics.
 *
 * As long as somebody reads them.  It goes from name to name, some at a time, and
 * tells what it has counted when it has been at all of them.
 */
#include "postgres.h"

#include "src/catalog/declaration.h"
#include "src/catalog/job_store.h"
#include "src/catalog/waiting_store.h"
#include "src/ipc/clock.h"
#include "src/scheduler/waiting.h"

#define PASS_MS 5000			/* between one and the next */
#define AT_ONCE 8				/* names looked at in one transaction */

static RtWaiting counted[RT_WAITING_MAX];
static int	name_count = 0;
static int	next = 0;			/* 0 = no pass is under way */
static int64 pass_ended = PG_INT64_MIN / 2; /* none yet: one is due */

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
	return next > 0 ? 0 : pass_ended + PASS_MS;
}

/* What fails is begun anew later. */
void
rt_waiting_run(void)
{
	int			begin = next;

	next = 0;
	pass_ended = rt_clock_ms();
	if (!rt_scheduler_begin())
		return;
	if (begin == 0)
		list_names();
	for (next = begin; next < name_count && next < begin + AT_ONCE; next++)
		rt_waiting_count(&counted[next]);
	rt_scheduler_end();
	pass_ended = rt_clock_ms();
	if (next < name_count)
		return;
	rt_waiting_tell(counted, name_count);
	next = 0;
}

void
rt_waiting_forget(void)
{
	next = name_count = 0;
	rt_waiting_tell(counted, 0);
}

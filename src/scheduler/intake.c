/*
 * intake.c
 *		The task that has events taken by who is to take them: aggregates and
 *		effects.
 *
 * It only says when: if there are events, or if a window of an aggregate is over.
 * Each path has one request at a time.  Nothing here has to be kept: who begins
 * asks all of them, which also finds what was there before a crash.
 *
 * With realtime.intake = off nobody is asked and nothing is forgotten, so a dump
 * can be restored: its tables are filled one after the other.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/catalog/aggregate_store.h"
#include "src/catalog/declaration.h"
#include "src/catalog/intake_store.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/intake.h"
#include "src/ipc/service.h"
#include "src/schedule/occurrence.h"
#include "src/scheduler/intake.h"

#define CLOCK_LOOK_MS 10000		/* between looks at a clock that may be set */
#define NO_SLOT_MS 20			/* until the next try for a request slot */
#define FAILED_MS 1000			/* until what has failed is asked again */
#define AWAITS_MS 200			/* until it is looked whether who is awaited has committed */
#define PACE_MS 10				/* between folds, so that those of many events are few */

typedef struct Sink
{
	char	   *path;
	int			mark;
	bool		is_effect;
	bool		in_flight;
	bool		wanted;			/* events may be there, marked or not */
	TimestampTz next;			/* when time alone changes something */
	int64		not_before;		/* on our own clock */
	int64		time_not_before;	/* the same, if there are no events */
} Sink;

static MemoryContext context = NULL;	/* of all sinks */
static List *sinks = NIL;
static int	in_flight = 0;		/* requests; also of sinks that are gone */
static uint32 synced_with = 0;	/* generation of declarations */
static bool is_known = false;	/* what there is */

/* ---- who there is ---- */

static Sink *
find_sink(const char *path)
{
	ListCell   *cell;

	foreach(cell, sinks)
	{
		Sink	   *sink = lfirst(cell);

		if (strcmp(sink->path, path) == 0)
			return sink;
	}
	return NULL;
}

/* A declaration may have changed, so it is asked. */
static Sink *
make_sink(const RtSinkDeclaration *declaration)
{
	Sink	   *sink = palloc0(sizeof(Sink));
	const Sink *before = find_sink(declaration->path);

	sink->path = pstrdup(declaration->path);
	sink->mark = rt_intake_mark(sink->path);
	sink->is_effect = declaration->is_effect;
	sink->in_flight = before != NULL && before->in_flight;
	sink->wanted = true;
	sink->next = DT_NOEND;
	return sink;
}

void
rt_intake_task_forget(void)
{
	if (context != NULL)
		MemoryContextDelete(context);
	context = NULL;
	sinks = NIL;
	is_known = false;
}

/* What fails goes with the transaction, and is done again. */
static void
sync_sinks(void)
{
	uint32		generation = rt_catalog_generation();
	MemoryContext making;
	MemoryContext old;
	List	   *made = NIL;
	const ListCell *cell;

	if (!rt_scheduler_begin())
		return;
	making = AllocSetContextCreate(TopTransactionContext, "realtime sinks", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(making);
	foreach(cell, rt_declaration_sinks())
		made = lappend(made, make_sink(lfirst(cell)));
	MemoryContextSwitchTo(old);
	rt_aggregate_forget_undeclared();
	rt_intake_forget_undeclared();
	rt_intake_task_forget();
	MemoryContextSetParent(making, TopMemoryContext);
	context = making;
	sinks = made;
	rt_scheduler_end();
	synced_with = generation;
	is_known = true;
}

/* ---- when ---- */

static bool
is_synced(void)
{
	return is_known && synced_with == rt_catalog_generation();
}

/* On our own clock: when it comes, or when to look again. */
static int64
due_by_time(const Sink *sink)
{
	int64		until_ms;

	if (TIMESTAMP_IS_NOEND(sink->next))
		return RT_NEVER;
	if (realtime_cron_clock[0] != '\0')
		return sink->next <= rt_schedule_now() ? 0 : RT_NEVER;
	until_ms = (sink->next - GetCurrentTimestamp() + 999) / 1000;
	return until_ms <= 0 ? 0 : rt_clock_ms() + Min(until_ms, CLOCK_LOOK_MS);
}

static int64
sink_due(const Sink *sink)
{
	if (sink->in_flight)
		return RT_NEVER;
	if (sink->wanted || rt_intake_is_set(sink->mark))
		return sink->not_before;
	return Max(due_by_time(sink), Max(sink->not_before, sink->time_not_before));
}

/* How many may take executors away from calls. */
static int
in_flight_max(void)
{
	return Max(1, realtime_max_executors / 2);
}

int64
rt_intake_task_due(void)
{
	int64		due = RT_NEVER;
	ListCell   *cell;

	if (!realtime_intake_enabled)
	{
		is_known = false;		/* rows may come without marks meanwhile */
		return RT_NEVER;
	}
	if (!is_synced())
		return 0;
	if (in_flight >= in_flight_max())
		return RT_NEVER;
	foreach(cell, sinks)
		due = Min(due, sink_due(lfirst(cell)));
	return due;
}

/* ---- requests ---- */

static bool
send(const Sink *sink)
{
	RtRequest  *request = rt_scheduler_request(sink->is_effect ? RT_REQUEST_EFFECT : RT_REQUEST_INTAKE);
	uint32		path_len = strlen(sink->path);
	char	   *text;

	if (request == NULL)
		return false;
	text = rt_shared_text_reserve(&request->text, path_len);
	if (text == NULL)
	{
		rt_request_cancel(request);
		return false;
	}
	memcpy(text, sink->path, path_len);
	request->asked.path.len = path_len;
	request->asked.time_key = hash_bytes((const unsigned char *) sink->path, (int) path_len);
	rt_scheduler_submit(request);
	return true;
}

/* Others that have the same mark are asked, too. */
static void
take_mark(const Sink *sink)
{
	ListCell   *cell;

	if (!rt_intake_is_set(sink->mark))
		return;
	rt_intake_clear(sink->mark);
	foreach(cell, sinks)
	{
		Sink	   *other = lfirst(cell);

		other->wanted |= other->mark == sink->mark;
	}
}

static void
ask(Sink *sink)
{
	take_mark(sink);
	if (!send(sink))
	{
		sink->wanted = true;
		sink->not_before = rt_clock_ms() + NO_SLOT_MS;
		return;
	}
	sink->wanted = false;
	sink->in_flight = true;
	in_flight++;
}

void
rt_intake_task_run(void)
{
	ListCell   *cell;

	if (!realtime_intake_enabled)
		return;
	if (!is_synced())
		sync_sinks();
	foreach(cell, sinks)
	{
		if (in_flight < in_flight_max() && sink_due(lfirst(cell)) <= rt_clock_ms())
			ask(lfirst(cell));
	}
}

void
rt_intake_task_answered(RtRequest *request)
{
	char	   *path = pnstrdup(rt_shared_text_get(&request->text) + request->asked.path.off,
								request->asked.path.len);
	Sink	   *sink = find_sink(path);
	RtIntakeAnswer answer = {.stale = true};

	in_flight--;
	if (sink == NULL)
		return;
	sink->in_flight = false;
	if (request->answer_kind == RT_ANSWER_NONE && request->answer.len == sizeof(answer))
		memcpy(&answer, rt_shared_text_get(&request->answer), sizeof(answer));
	sink->wanted |= answer.stale || answer.more;
	if (answer.stale)
		sink->not_before = rt_clock_ms() + FAILED_MS;
	else
	{
		sink->not_before = sink->is_effect || answer.more ? 0 : rt_clock_ms() + PACE_MS;
		sink->time_not_before = answer.awaits ? rt_clock_ms() + AWAITS_MS : 0;
		sink->next = answer.next;
	}
}

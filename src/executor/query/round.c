/*
 * round.c
 *		Brings the groups of live queries up to date.
 *
 * Runs come first, each group's for itself; then, where nothing can fail or be
 * interrupted, all states are changed, all events appended, and what has been
 * read of the changes is done with.  If anything goes wrong before, the next
 * round begins with the same changes.
 *
 * A group that was found half changed is none: its clients are told to ask
 * again.
 *
 * What is not run though it was touched, because it has failed, was run a moment
 * ago or reads what somebody has locked, stays touched, and the next round looks at
 * it again.  A round never waits for a lock with others in its hands, and what one
 * group's run has locked is free when it ends: commands are not in its way.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "src/catalog/declaration.h"
#include "src/executor/commit.h"
#include "src/executor/identity.h"
#include "src/executor/interrupt.h"
#include "src/executor/query/check.h"
#include "src/executor/query/due.h"
#include "src/executor/query/events.h"
#include "src/executor/query/match.h"
#include "src/executor/query/observe.h"
#include "src/executor/query/round.h"
#include "src/executor/query/round_group.h"
#include "src/executor/query/run.h"
#include "src/executor/query/window.h"
#include "src/executor/role_settings.h"
#include "src/executor/session_reset.h"
#include "src/guc.h"
#include "src/ipc/change_ring.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/query_round.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/unflushed.h"

#define RETRY_MS 1000			/* after a failure of all of it */
#define LATE_MS 50				/* that others wait for */
#define ROW_US 150				/* between rounds that follow one another */
#define ROW_ROUNDS 8			/* of these, before one waits for changes */
#define GATHER_US 200			/* so long */
#define RESULTS_MAX (64 * 1024 * 1024)	/* bytes of one round */

typedef struct Round
{
	MemoryContext context;
	List	   *runs;			/* of RtGroupRun */
	List	   *late;			/* likewise, of those that should be run and are not */
	RtRoundChanges *changes;
	int64		now_ms;
} Round;

static int	executor_number = -1;

/* For who was not woken for a round while this one had the turn. */
static void
wish_again(void)
{
	if (rt_round_is_wanted())
	{
		rt_round_take();
		rt_round_want();
	}
}

/* It may also have given the turn back and not have looked yet. */
static void
leave_round(int code, Datum arg)
{
	rt_query_groups_abandon(executor_number);
	if (rt_query_round_release(executor_number))
		rt_round_want();
	wish_again();
}

void
rt_round_init(int executor)
{
	executor_number = executor;
	rt_query_groups_attach();
	before_shmem_exit(leave_round, (Datum) 0);
}

int
rt_round_executor(void)
{
	return executor_number;
}

/* ---- what has changed ---- */

/*
 * A command can be seen, and is in the ring, a moment before its transaction
 * tells other processes which catalogs they must read anew.  It does so before
 * it gives its own lock back, and then those of tables, as TRUNCATE has them.
 */
static void
wait_for_command(const RtChange *change)
{
	XactLockTableWait(change->xid, NULL, NULL, XLTW_None);
	AcceptInvalidationMessages();
}

static RtRoundChanges *
read_changes(void)
{
	RtRoundChanges *changes = rt_round_changes();
	const RtChange *change = NULL;
	RtRingRead	result;

	while ((result = rt_changes_next(&change)) != RT_RING_EMPTY)
	{
		if (result == RT_RING_ENTRY &&
			(change->flags & (RT_CHANGE_EVERYTHING | RT_CHANGE_ANY)) != 0)
			wait_for_command(change);
		rt_round_changes_add(changes, result == RT_RING_OVERRUN ? NULL : change);
	}
	if (rt_changes_may_repeat())
		rt_round_changes_repeat(changes);
	return changes;
}

/* Whether there may be other declarations than in the last round of this process. */
static bool
has_other_declarations(void)
{
	static uint64 seen = 0;
	uint64		before = seen;

	seen = rt_declarations_version();
	return seen != before;
}

/* A query that is dropped, or another one by now, concerns its clients, too. */
static void
touch_group(RtRoundChanges *changes, bool other, RtQueryGroup *group)
{
	if (group->retry_ms != 0 && rt_round_changes_concern(changes, group))
		rt_group_try_sooner(group, rt_round_changes_are_all(changes));
	if (group->touched)
		group->behind = true;
	else if (!group->gone)
		group->touched = (other && rt_declaration_query(group->declaration) == NULL) ||
			rt_round_changes_concern(changes, group);
	if (group->touched)
		rt_query_group_open(group);
}

/* If nothing has happened all that concerns any is known: for who joins that is so. */
static void
touch_groups(RtRoundChanges *changes)
{
	bool		other = has_other_declarations();
	bool		only_open = !other && rt_round_changes_are_none(changes);
	RtQueryGroup *group = NULL;

	while ((group = only_open ? rt_query_group_next_open(group) :
			rt_query_group_next(group)) != NULL)
		touch_group(changes, other, group);
}

/* ---- which groups ---- */

/* One that has no state has clients whose first load was ended by a failure. */
static bool
needs_run(const RtQueryGroup *group)
{
	if (!group->touched && !group->dirty &&
		(DsaPointerIsValid(group->state) || !rt_query_group_is_followed(group)))
		return false;
	return !group->gone && !rt_query_group_is_loading(group);
}

static RtGroupRun *
make_run(const Round *round, RtQueryGroup *group)
{
	RtGroupRun *run = palloc(sizeof(RtGroupRun));

	rt_group_run_init(run, group);
	if (group->touched && !group->behind && !group->resend && !group->failing)
		run->changes = round->changes;
	return run;
}

static bool
is_wanted_or_due(const Round *round, RtGroupRun *run, const RtQueryGroup *wanted)
{
	return (run->group == wanted && !run->group->failing) ||
		rt_group_run_is_due(run, round->now_ms);
}

/* Nothing is to be done with it, unless something happens. */
static bool
is_settled(const RtQueryGroup *group)
{
	return !group->touched && !group->dirty &&
		(group->gone || DsaPointerIsValid(group->state));
}

static void
choose_run(Round *round, RtQueryGroup *group, RtQueryGroup *wanted)
{
	bool		needed = needs_run(group);
	RtGroupRun *run;

	if ((!needed && !group->touched) || rt_round_group_is_left(group, round->now_ms))
		return;
	run = make_run(round, group);
	if (needed && is_wanted_or_due(round, run, wanted))
		round->runs = lappend(round->runs, run);
	else
		round->late = lappend(round->late, run);
}

/*
 * The one that is wanted is run whenever it was run last, unless that has failed.
 * One that is being loaded is run when it is, and none that nobody follows.
 */
static void
choose_runs(Round *round, RtQueryGroup *wanted)
{
	RtQueryGroup *next;

	for (RtQueryGroup *group = rt_query_group_next_open(NULL); group != NULL; group = next)
	{
		next = rt_query_group_next_open(group);
		if (is_settled(group))
			rt_query_group_close(group);
		else
			choose_run(round, group, wanted);
	}
}

/* Those that read what is locked. Nobody knows for how long. */
static void
leave_locked(Round *round)
{
	ListCell   *cell;

	foreach(cell, round->runs)
	{
		RtGroupRun *run = lfirst(cell);

		if (!run->locked)
			continue;
		rt_group_put_off_locked(run->group, round->now_ms);
		run->due_ms = 0;
		round->late = lappend(round->late, run);
		round->runs = foreach_delete_current(round->runs, cell);
	}
}

/* What there is no more memory for is left to the next round. */
static void
run_groups(Round *round)
{
	Size		size = 0;
	int			count = 0;

	rt_group_runs_sort(round->runs);
	while (count < list_length(round->runs) && size < RESULTS_MAX)
	{
		RtGroupRun *run = list_nth(round->runs, count);

		rt_group_runs_together(round->runs, count++);
		if (run->declaration != NULL && !run->group->dirty && run->result == NULL)
			rt_group_run(run);
		if (run->result != NULL)
			size += rt_query_result_size(run->result);
	}
	if (count < list_length(round->runs))
		rt_query_round_due(round->now_ms);
	for (int i = count; i < list_length(round->runs); i++)
		round->late = lappend(round->late, list_nth(round->runs, i));
	round->runs = list_truncate(round->runs, count);
	leave_locked(round);
}

/* ---- what clients are told ---- */

static uint32
add_changes(RtQueryEvents *events, const RtGroupRun *run)
{
	const RtQueryState *before = rt_query_result_before(run->result,
														rt_query_group_state(run->group));
	RtDifference difference;

	/* of other cuts keys are found by other hashes */
	if (before == NULL || run->group->resend || before->is_keyless ||
		(run->result->difference == NULL && before->cuts != run->result->state->cuts))
		return rt_query_events_add_all(events, run->topic, run->result);
	if (run->result->difference != NULL)
		return rt_query_events_add_difference(events, run->topic, before, run->result,
											  run->result->difference);
	rt_difference_find(&difference, before, run->result->state, run->result->ordered);
	return rt_query_events_add_difference(events, run->topic, before, run->result,
										  &difference);
}

static uint32
add_events(RtQueryEvents *events, RtGroupRun *run)
{
	uint32		count = 0;

	events->number = run->group->number;
	if (run->result != NULL)
	{
		if (run->group->failing)
			rt_query_events_add_recovered(events, run->topic);
		count = add_changes(events, run);
	}
	else if (run->fault.code == NULL)
		rt_query_events_add_lost(events, run->topic);
	else if (!run->group->failing)
		rt_query_events_add_error(events, run->topic, &run->fault);
	run->number = events->number;
	return count;
}

static bool
is_late_for_long(const Round *round, const RtGroupRun *run)
{
	return run->fault.code != NULL || run->group->failing || run->due_ms == 0 ||
		run->due_ms - round->now_ms > LATE_MS;
}

/*
 * Clients of a group that was not run, or in vain, have less than others.  That
 * is told once, and when it is over; who has come meanwhile is told again.
 */
static void
add_positions(RtQueryEvents *events, const Round *round)
{
	ListCell   *cell;

	foreach(cell, round->late)
	{
		RtGroupRun *run = lfirst(cell);
		RtQueryGroup *group = run->group;

		if (group->true_to == 0)
		{
			group->true_to = Max(rt_changes_position_before(), 1);
			group->position_told = false;
		}
		if (!group->position_told)
			rt_query_events_add_position(events, run->topic, group->true_to,
										 is_late_for_long(round, run));
	}
	foreach(cell, round->runs)
	{
		RtGroupRun *run = lfirst(cell);

		if (run->group->true_to != 0 && run->fault.code == NULL)
			rt_query_events_add_position(events, run->topic, 0, false);
	}
}

static void
note_positions(const Round *round)
{
	ListCell   *cell;

	foreach(cell, round->late)
		((RtGroupRun *) lfirst(cell))->group->position_told = true;
	foreach(cell, round->runs)
	{
		const RtGroupRun *run = lfirst(cell);

		if (run->fault.code == NULL)
			run->group->true_to = 0;
	}
}

static void
count_run(const RtGroupRun *run, uint32 event_count)
{
	RtQueryGroupCounters *counters = &run->group->counters;

	counters->runs++;
	counters->events += event_count;
	counters->last_us = run->us;
	counters->total_us += run->us;
	if (run->fault.code != NULL)
		counters->failures++;
	else if (run->group->resend)
		counters->refreshes++;
	if (run->result == NULL)
		return;
	run->group->was_restricted = run->result->restricted;
	counters->restricted += run->result->restricted;
	counters->together += run->result->together;
	counters->counted += run->result->counted;
	if (!run->result->restricted)
		counters->why_full = run->why_full;
}

/* Its clients have what the run has found. */
static void
take_result(RtQueryEvents *events, const RtGroupRun *run)
{
	RtQueryGroup *group = run->group;

	group->dirty = true;
	rt_query_group_open(group);
	group->number = events->number = run->number;
	if (run->fault.code == NULL)
	{
		group->touched = group->behind = group->resend = group->failing = false;
		group->attempts = group->retry_ms = 0;
		group->gone = run->declaration == NULL || run->is_other;
		if (run->result == NULL)
			(void) rt_query_group_set_state(group, NULL);
		else if (!rt_query_result_keep(run->result, group))
		{
			(void) rt_query_group_set_state(group, NULL);
			rt_query_events_add_lost(events, run->topic);
			group->number = events->number;
		}
	}
	else
	{
		/* what was locked before says nothing of this */
		if (!group->failing)
			group->attempts = 0;
		group->failing = true;
	}
	rt_query_group_tell_number(group);
}

/* Nothing here fails, but for want of memory before the first state changes. */
static void
finish(Round *round)
{
	RtQueryEvents events;
	RtDurability seen;
	ListCell   *cell;

	rt_query_events_init(&events);
	foreach(cell, round->runs)
	{
		RtGroupRun *run = lfirst(cell);

		count_run(run, add_events(&events, run));
		if (run->fault.code != NULL)
			round->late = lappend(round->late, run);
		if (run->fault.code != NULL && !run->group->failing)
			rt_query_observe_later(run);
	}
	add_positions(&events, round);
	rt_query_events_reserve(&events, list_length(round->runs));
	seen = rt_unflushed_seen();

	HOLD_INTERRUPTS();
	foreach(cell, round->runs)
	{
		RtGroupRun *run = lfirst(cell);

		take_result(&events, run);
		run->group->run_ms = round->now_ms;
		if (run->group->failing)
			rt_group_put_off_failed(run->group, round->now_ms);
	}
	note_positions(round);
	rt_query_events_add_end(&events, rt_changes_position());
	rt_query_events_send(&events, seen);
	rt_changes_end();
	foreach(cell, round->runs)
		((RtGroupRun *) lfirst(cell))->group->dirty = false;
	RESUME_INTERRUPTS();
	foreach(cell, round->runs)
		rt_query_check(lfirst(cell));
	rt_query_check_all();
}

/* ---- as a part of a transaction ---- */

void
rt_round_begin(void)
{
	rt_query_round_wait(executor_number);
}

/*
 * If settings have changed, with which this process has perhaps begun, what they
 * change is for one that has the new ones.
 */
static void
leave_if_outdated(void)
{
	if (!rt_session_settings_may_differ())
		return;
	rt_changes_leave_elsewhere();
	rt_round_want();
}

void
rt_round_do(RtQueryGroup *wanted)
{
	Round		round = {.now_ms = rt_clock_ms()};
	MemoryContext old;

	round.context = AllocSetContextCreate(CurrentMemoryContext, "realtime round",
										  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(round.context);
	rt_changes_prepare();
	leave_if_outdated();
	PushActiveSnapshot(GetTransactionSnapshot());
	rt_changes_begin(GetActiveSnapshot());
	round.changes = read_changes();
	touch_groups(round.changes);
	choose_runs(&round, wanted);
	run_groups(&round);
	finish(&round);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(round.context);
}

void
rt_round_end(void)
{
	if (rt_query_round_release(executor_number))
		wish_again();
}

/* ---- one of its own ---- */

static void
run_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactIsoLevel = XACT_REPEATABLE_READ;
	XactReadOnly = true;
	if (rt_declarations_refresh())
	{
		rt_round_remove_idle(rt_clock_ms());
		rt_round_do(NULL);
	}
	CommitTransactionCommand();
}

/* As work.c does. */
static void
recover(MemoryContext context)
{
	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	MemoryContextSwitchTo(context);
	EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	MemoryContextSwitchTo(context);
	rt_query_round_due(rt_clock_ms() + RETRY_MS);
	RESUME_INTERRUPTS();
}

static void
try_transaction(void)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		run_transaction();
	}
	PG_CATCH();
	{
		recover(context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

/*
 * What rounds cost whatever they do is shared by all that is committed while one
 * waits.  It does if several have followed one another at once, so that somebody
 * writes without end, and not if an executor is needed for something else.
 */
static void
gather_changes(int64 ended_us)
{
	static int	in_a_row = 0;

	in_a_row = rt_clock_us() - ended_us < ROW_US ? in_a_row + 1 : 0;
	if (in_a_row > ROW_ROUNDS && !rt_requests_queued())
		pg_usleep(GATHER_US);
}

bool
rt_round_run(void)
{
	static int64 ended_us = 0;

	if (!rt_query_round_try(executor_number))
		return false;
	gather_changes(ended_us);
	rt_round_take();
	debug_query_string = "realtime: live queries";
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	try_transaction();
	rt_identity_end();
	(void) rt_commit_end();
	(void) rt_query_round_release(executor_number);
	if (!rt_session_reset())
		proc_exit(1);
	ended_us = rt_clock_us();
	debug_query_string = NULL;
	return true;
}

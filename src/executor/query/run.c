/*
 * run.c
 *		Runs a group of a live query.
 *
 * A subtransaction, because what users have written may fail; within it role
 * and claims are lent, read only as the transaction is, until the deadline.
 * Settings that it changes end with it, and so do its locks.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "src/errcodes.h"
#include "src/executor/identity.h"
#include "src/executor/interrupt.h"
#include "src/executor/query/events.h"
#include "src/executor/query/lock.h"
#include "src/executor/query/run.h"
#include "src/executor/query/tally.h"
#include "src/executor/query/together.h"
#include "src/executor/role_settings.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/log_limit.h"
#include "src/query/run.h"

#define TOGETHER_LEAST 4			/* groups; to ask for fewer one by one is as good */
#define TOGETHER_MOST 500
#define ALONE_TIMES 100
#define ATTEMPTS_CHANGED 5

/* Nobody has sent it. */
static RtRequest nobodys_request;

void
rt_group_run_init(RtGroupRun *run, RtQueryGroup *group)
{
	memset(run, 0, sizeof(*run));
	run->group = group;
	rt_query_group_key_read(rt_query_group_key(group), &run->key);
	run->declaration = rt_declaration_query(group->declaration);
	run->topic = rt_query_group_topic(run->key.path, &group->hash);
}

/* ---- as those who belong to it ---- */

static RtQueryWhyFull
find_restriction(RtRestriction *restriction, const RtGroupRun *run, RtQuery *query,
				 const NullableDatum *values)
{
	const RtQueryState *before = rt_query_group_state(run->group);

	if (before == NULL || before->cuts != rt_query_cuts_hash(query))
		return RT_FULL_UNKNOWN;
	if (run->changes == NULL)
		return RT_FULL_WAITED;
	return rt_restriction_find(restriction, run->changes, run->group, query, values,
							   rt_query_state_rows(before));
}

/* Without asking for anything, if that can be. */
static bool
run_counted(RtGroupRun *run, RtQuery *query, const NullableDatum *values)
{
	const RtQueryState *before = rt_query_group_state(run->group);
	RtQueryResult *result = rt_tally_result(run->declaration, query, values, run->changes,
											run->group, before);

	if (result == NULL || !rt_query_events_fit(run->topic, before, result))
		return false;
	run->result = result;
	run->why_full = RT_FULL_NOT;
	return true;
}

/* Only what has changed, if that can be. */
static RtQueryWhyFull
run_restricted(RtGroupRun *run, RtQuery *query, const NullableDatum *values)
{
	const RtQueryState *before = rt_query_group_state(run->group);
	RtRestriction restriction;
	RtQueryWhyFull why_full = find_restriction(&restriction, run, query, values);

	if (why_full != RT_FULL_NOT)
		return why_full;
	run->result = rt_query_result_restricted(run->declaration, query, values,
											 &restriction, before);
	if (run->result == NULL)
		return query->sort != NIL ? RT_FULL_ORDER : RT_FULL_GROWN;
	if (run->result->difference != NULL &&
		!rt_query_events_fit(run->topic, rt_query_result_before(run->result, before), run->result))
		return RT_FULL_LONG;
	return RT_FULL_NOT;
}

static NullableDatum *
read_values(const RtGroupRun *run, const RtQuery *query)
{
	NullableDatum *values = palloc(sizeof(NullableDatum) * Max(query->param_count, 1));

	rt_query_group_key_values(&run->key, query->param_types, values);
	return values;
}

/* For developers. */
static void
expect(RtGroupRun *run, RtQuery *query, const NullableDatum *values)
{
	if (realtime_query_check != RT_QUERY_CHECK_OFF)
		run->expected = rt_query_result(run->declaration, query, values);
}

static void
run_query(void *arg)
{
	RtGroupRun *run = arg;
	RtQuery    *query = rt_query_lock(run->declaration);
	NullableDatum *values;

	run->expected = NULL;
	run->is_other = (query->reads_caller && !run->key.has_identity) ||
		query->param_count != run->key.argument_count;
	if (run->is_other)
		return;
	values = read_values(run, query);
	if (!run_counted(run, query, values))
		run->why_full = run_restricted(run, query, values);
	if (run->why_full != RT_FULL_NOT)
		run->result = rt_query_result(run->declaration, query, values);
	else
		expect(run, query, values);
}

/* As for a call: the role's statement_timeout makes the time shorter, never longer. */
static void
limit_time(void)
{
	int			most = rt_role_settings_get(GetUserId())->statement_timeout_ms;

	if (most > 0 && most < realtime_query_timeout)
		rt_deadline_arm(GetCurrentTimestamp() + (int64) most * 1000);
}

/* What is to be done as those who belong to a group. */
typedef void (*RunFunction) (void *arg);

static void
run_as_group(const RtGroupRun *run, RunFunction function, void *arg)
{
	RtSession	session;

	rt_query_group_key_session(&run->key, &session);
	rt_identity_borrow(&nobodys_request, &session, run->key.user_data,
					   strlen(run->key.user_data));
	limit_time();
	rt_query_wait_briefly();
	function(arg);
	rt_identity_give_back();
}

/* ---- around it ---- */

/* The first, and of those that follow one another fewer and fewer. */
static bool
is_to_be_logged(const RtGroupRun *run)
{
	uint32		number = run->group->attempts + 1;

	return !run->group->failing || (number & (number - 1)) == 0;
}

/*
 * Others have locked something, or have just changed it and were not to be locked
 * out, as functions are not.
 */
static bool
is_for_later(const RtGroupRun *run)
{
	return rt_query_is_locked() ||
		(geterrcode() == ERRCODE_T_R_SERIALIZATION_FAILURE &&
		 run->group->attempts < ATTEMPTS_CHANGED);
}

/* NULL: it will be told by another run. */
static void
note_fault(RtGroupRun *run, MemoryContext context)
{
	ErrorData  *error;
	RtErrorScene scene = {.stage = RT_STAGE_HANDLER,.deadline_passed = true};

	MemoryContextSwitchTo(context);
	if (run == NULL)
	{
		FlushErrorState();
		return;
	}
	run->result = NULL;
	run->locked = is_for_later(run);
	if (run->locked)
	{
		FlushErrorState();
		return;
	}
	error = CopyErrorData();
	run->fault.unexpected = rt_fault_from_error(&run->fault, error, &scene) ||
		rt_error_is_about_inner_data(error, &scene);
	run->fault.logged = run->fault.unexpected && is_to_be_logged(run) &&
		rt_log_limit_allows(run->key.path, error->sqlerrcode);
	if (run->fault.logged)
		EmitErrorReport();
	if (rt_code_from_wire(run->fault.code) == RT_CODE_TIMEOUT)
		rt_limit_hit(RT_LIMIT_QUERY_TIMEOUT);
	FlushErrorState();
}

/* Returns whether nothing has failed. */
static bool
run_safely(const RtGroupRun *as, RunFunction function, void *arg, RtGroupRun *failing)
{
	volatile bool done = false;
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run_as_group(as, function, arg);
		/* nothing was written, but there are locks, and others may wait for them */
		RollbackAndReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		rt_identity_forget();
		if (rt_shutdown_is_requested())
			PG_RE_THROW();
		note_fault(failing, context);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return done;
}

static void
describe_run(void *arg)
{
	RtGroupRun *run = arg;

	errcontext("live query \"%s\"", run->key.path);
}

static bool
run_until_deadline(RtGroupRun *as, RunFunction function, void *arg, RtGroupRun *failing)
{
	ErrorContextCallback callback;
	bool		done;

	callback.callback = describe_run;
	callback.arg = as;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	rt_deadline_arm(GetCurrentTimestamp() + (int64) realtime_query_timeout * 1000);
	done = run_safely(as, function, arg, failing);
	rt_deadline_disarm();
	error_context_stack = callback.previous;
	return done;
}

void
rt_group_run(RtGroupRun *run)
{
	int64		began = rt_clock_us();

	(void) run_until_deadline(run, run_query, run, run);
	run->us = rt_clock_us() - began;
}

/* ---- many of a query ---- */

typedef struct Batch
{
	RtGroupRun **runs;			/* of one query and role */
	int			count;
	RtTogether *groups;
	RtGroupRun **asked;			/* whose groups these are */
	int			asked_count;
} Batch;

/* Nobody in particular asks, and what has changed is known. */
static bool
may_be_together(const RtGroupRun *run)
{
	return run->changes != NULL && run->declaration != NULL && !run->together &&
		!run->key.has_identity && !run->group->dirty &&
		DsaPointerIsValid(run->group->state);
}

static bool
has_nulls(const RtRestriction *restriction)
{
	for (int i = 0; i < restriction->count; i++)
	{
		if (restriction->values[i].is_null)
			return true;
	}
	return false;
}

static void
ask_for(Batch *batch, RtGroupRun *run, RtQuery *query)
{
	RtRestriction *restriction = palloc(sizeof(RtRestriction));
	NullableDatum *values;

	if (query->param_count != run->key.argument_count)
		return;
	values = read_values(run, query);
	if (run_counted(run, query, values))
	{
		expect(run, query, values);
		return;
	}
	if (find_restriction(restriction, run, query, values) != RT_FULL_NOT ||
		has_nulls(restriction))
		return;
	batch->groups[batch->asked_count] = (RtTogether) {
		.values = values,
		.restriction = restriction,
		.before = rt_query_group_state(run->group)
	};
	batch->asked[batch->asked_count++] = run;
}

static void
take_results(Batch *batch, RtQuery *query)
{
	for (int i = 0; i < batch->asked_count; i++)
	{
		const RtTogether *group = &batch->groups[i];
		RtGroupRun *run = batch->asked[i];

		if (group->result == NULL ||
			!rt_query_events_fit(run->topic, rt_query_result_before(group->result, group->before), group->result))
			continue;
		expect(run, query, group->values);
		run->result = group->result;
		run->why_full = RT_FULL_NOT;
	}
}

static void
run_batch(void *arg)
{
	Batch	   *batch = arg;
	const RtStreamDeclaration *declaration = batch->runs[0]->declaration;
	RtQuery    *query = rt_query_lock(declaration);

	if (!rt_query_can_gather(query) || query->alone-- > 0)
		return;
	/* stays so if an error passes */
	query->alone = ALONE_TIMES;
	for (int i = 0; i < batch->count; i++)
		ask_for(batch, batch->runs[i], query);
	if (batch->asked_count >= TOGETHER_LEAST)
	{
		if (!rt_query_results_together(declaration, query, batch->groups,
									   batch->asked_count))
			return;
		take_results(batch, query);
	}
	query->alone = 0;
}

/* What has failed leaves nothing, whatever was there before it did. */
static void
end_batch(const Batch *batch, bool done, int64 us)
{
	for (int i = 0; i < batch->count; i++)
	{
		RtGroupRun *run = batch->runs[i];

		run->together = true;
		run->us = us / batch->count;
		if (!done)
			run->result = run->expected = NULL;
	}
}

void
rt_group_runs_together(const List *runs, int from)
{
	const RtGroupRun *first = list_nth(runs, from);
	int64		began = rt_clock_us();
	Batch		batch = {0};

	if (!may_be_together(first))
		return;
	batch.runs = palloc(sizeof(RtGroupRun *) * TOGETHER_MOST);
	while (from < list_length(runs) && batch.count < TOGETHER_MOST)
	{
		RtGroupRun *run = list_nth(runs, from++);

		if (run->group->marks.family != first->group->marks.family)
			break;
		if (may_be_together(run))
			batch.runs[batch.count++] = run;
	}
	if (batch.count >= TOGETHER_LEAST)
	{
		bool		done;

		batch.groups = palloc(sizeof(RtTogether) * batch.count);
		batch.asked = palloc(sizeof(RtGroupRun *) * batch.count);
		done = run_until_deadline(batch.runs[0], run_batch, &batch, NULL);
		end_batch(&batch, done, rt_clock_us() - began);
	}
	else
		pfree(batch.runs);
}

static int
compare_families(const ListCell *a, const ListCell *b)
{
	uint64		x = ((const RtGroupRun *) lfirst(a))->group->marks.family;
	uint64		y = ((const RtGroupRun *) lfirst(b))->group->marks.family;

	return x < y ? -1 : x > y;
}

void
rt_group_runs_sort(List *runs)
{
	list_sort(runs, compare_families);
}

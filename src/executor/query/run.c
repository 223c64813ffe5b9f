/*
 * run.c
 *		Runs a group of a live query.
 *
 * A subtransaction, because what users have written may fail; within it role
 * and claims are lent, read only as the transaction is, until the deadline.
 * Settings that it changes end with it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "src/executor/identity.h"
#include "src/executor/interrupt.h"
#include "src/executor/query/events.h"
#include "src/executor/query/prepared.h"
#include "src/executor/query/run.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/query/run.h"

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

/* Only what has changed, if that can be. */
static RtQueryWhyFull
run_restricted(RtGroupRun *run, RtQuery *query, const NullableDatum *values)
{
	const RtQueryState *before = rt_query_group_state(run->group);
	RtRestriction restriction;
	RtQueryWhyFull why_full;

	if (before == NULL || before->cuts != rt_query_cuts_hash(query))
		return RT_FULL_UNKNOWN;
	if (run->changes == NULL)
		return RT_FULL_WAITED;
	why_full = rt_restriction_find(&restriction, run->changes, query, values,
								   before->row_count);
	if (why_full != RT_FULL_NOT)
		return why_full;
	run->result = rt_query_result_restricted(run->declaration, query, values,
											 &restriction, before);
	if (run->result == NULL)
		return RT_FULL_ORDER;
	if (run->result->difference != NULL &&
		!rt_query_events_fit(run->topic, before, run->result))
		return RT_FULL_LONG;
	return RT_FULL_NOT;
}

static void
run_query(RtGroupRun *run)
{
	RtQuery    *query = rt_query_prepared(run->declaration);
	NullableDatum *values;

	run->expected = NULL;
	run->is_other = (query->reads_caller && !run->key.has_identity) ||
		query->param_count != run->key.argument_count;
	if (run->is_other)
		return;
	values = palloc(sizeof(NullableDatum) * Max(query->param_count, 1));
	rt_query_group_key_values(&run->key, query->param_types, values);
	run->why_full = run_restricted(run, query, values);
	if (run->why_full != RT_FULL_NOT)
		run->result = rt_query_result(run->declaration, query, values);
	else if (realtime_query_check != RT_QUERY_CHECK_OFF)
		run->expected = rt_query_result(run->declaration, query, values);
}

static void
run_as_group(RtGroupRun *run)
{
	RtSession	session;

	rt_query_group_key_session(&run->key, &session);
	rt_identity_borrow(&nobodys_request, &session, run->key.user_data,
					   strlen(run->key.user_data));
	run_query(run);
	rt_identity_give_back();
}

/* ---- around it ---- */

static void
note_fault(RtGroupRun *run, MemoryContext context)
{
	ErrorData  *error;
	RtErrorScene scene = {.stage = RT_STAGE_HANDLER,.deadline_passed = true};

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	run->result = NULL;
	if (rt_fault_from_error(&run->fault, error, &scene))
		EmitErrorReport();
	FlushErrorState();
}

static void
run_safely(RtGroupRun *run)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run_as_group(run);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		rt_identity_forget();
		if (rt_shutdown_is_requested())
			PG_RE_THROW();
		note_fault(run, context);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

static void
describe_run(void *arg)
{
	RtGroupRun *run = arg;

	errcontext("live query \"%s\"", run->key.path);
}

void
rt_group_run(RtGroupRun *run)
{
	ErrorContextCallback callback;
	int64		began = rt_clock_us();

	callback.callback = describe_run;
	callback.arg = run;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	rt_deadline_arm(GetCurrentTimestamp() + (int64) realtime_query_timeout * 1000);
	run_safely(run);
	rt_deadline_disarm();
	error_context_stack = callback.previous;
	run->us = rt_clock_us() - began;
}

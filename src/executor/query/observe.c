/*
 * observe.c
 *		Telling the on_error function of a live query, and the error hook, that a
 *		run has failed.
 *
 * A round is read only, and may be a part of a client's transaction, in which all
 * others wait.  So what has failed is noted, and told by the executor before its
 * next request, one at a time: as those who belong to the group, in a transaction
 * of its own, which has not long.  Of very many only some are told, and what an
 * executor has noted is gone if it ends: clients are told in any case.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "src/executor/error_hook.h"
#include "src/executor/query/observe.h"
#include "src/executor/request/stream.h"

#define FAILURES_MAX 64

typedef struct Failure
{
	RtQueryGroupKey key;
	const char *topic;
	RtFault		fault;
} Failure;

static MemoryContext context = NULL;
static List *failures = NIL;	/* of Failure, in context */
static uint64 dropped = 0;		/* since there was room for all */

/* The hook is told of what nobody has meant. */
static bool
has_observer(const RtGroupRun *run)
{
	return run->declaration != NULL &&
		(run->declaration->functions[RT_STREAM_ON_ERROR].declared ||
		 rt_error_hook_concerns(&run->fault));
}

static Failure *
copy_failure(const RtGroupRun *run)
{
	Failure    *failure = palloc0(sizeof(Failure));

	failure->key.path = pstrdup(run->key.path);
	failure->key.role = pstrdup(run->key.role);
	failure->key.user_id = pstrdup(run->key.user_id);
	failure->key.user_data = pstrdup(run->key.user_data);
	failure->topic = pstrdup(run->topic);
	failure->fault.sqlstate = run->fault.sqlstate;
	failure->fault.unexpected = run->fault.unexpected;
	failure->fault.logged = run->fault.logged;
	failure->fault.code = pstrdup(run->fault.code);
	failure->fault.message = pstrdup(run->fault.message);
	if (run->fault.cause != NULL)
		failure->fault.cause = pstrdup(run->fault.cause);
	return failure;
}

void
rt_query_observe_later(const RtGroupRun *run)
{
	MemoryContext before;

	if (!has_observer(run))
		return;
	if (list_length(failures) >= FAILURES_MAX)
	{
		dropped++;
		return;
	}
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "realtime query failures",
										ALLOCSET_SMALL_SIZES);
	before = MemoryContextSwitchTo(context);
	failures = lappend(failures, copy_failure(run));
	MemoryContextSwitchTo(before);
}

bool
rt_query_observe_is_due(void)
{
	return failures != NIL;
}

/* All have been told. */
static void
forget(void)
{
	failures = NIL;
	MemoryContextReset(context);
	if (dropped > 0)
		ereport(LOG,
				(errmsg("on_error of live queries and the error hook have not been told of %llu failures",
						(unsigned long long) dropped),
				 errdetail("%d wait at most.", FAILURES_MAX)));
	dropped = 0;
}

static RtRequest *
make_nobodys_request(void)
{
	static RtRequest request;

	memset(&request, 0, sizeof(request));
	request.answer_session = RT_SESSION_NONE;
	return &request;
}

/* The hook first, as it is of a stream that cannot be loaded. */
static bool
tell(const Failure *failure, const RtSession *session)
{
	const RtFault *fault = &failure->fault;
	bool		spoiled = false;

	if (rt_error_hook_concerns(fault))
		spoiled = rt_error_hook_tell(make_nobodys_request(), session, failure->key.user_data,
									 failure->key.path, fault).session_is_spoiled;
	if (!spoiled)
		spoiled = rt_observer_run(make_nobodys_request(), session, failure->key.user_data,
								  failure->key.path, failure->topic, fault).session_is_spoiled;
	return spoiled;
}

bool
rt_query_observe_next(void)
{
	static int	told = 0;
	const Failure *failure = list_nth(failures, told++);
	RtSession	session;
	bool		spoiled;

	rt_query_group_key_session(&failure->key, &session);
	session.user_data_len = strlen(failure->key.user_data);
	spoiled = tell(failure, &session);
	if (told == list_length(failures))
	{
		told = 0;
		forget();
	}
	return spoiled;
}

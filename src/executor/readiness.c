/*
 * readiness.c
 *		Whether this executor can run calls, and telling everybody.
 *
 * The first one that can, after a start of the server, has the init hook run before
 * it says so; the others wait for that.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "src/catalog/declaration.h"
#include "src/executor/function/function.h"
#include "src/executor/identity.h"
#include "src/executor/interrupt.h"
#include "src/executor/readiness.h"
#include "src/executor/service_hook.h"
#include "src/guc.h"
#include "src/ipc/service.h"
#include "src/ipc/vacate.h"

static RtServiceState found = RT_SERVICE_STARTING;	/* = not looked yet */
static uint32 catalog_seen = 0; /* generation of declarations at that time */

/* Of several executors only the one that has changed the state says so. */
static void
report_state(RtServiceState state)
{
	if (state == RT_SERVICE_READY)
		ereport(LOG,
				(errmsg("realtime is ready to call functions of database \"%s\"",
						realtime_database)));
	else if (state == RT_SERVICE_NO_EXTENSION)
		ereport(LOG,
				(errmsg("realtime waits for its extension"),
				 errdetail("It is not installed in database \"%s\".",
						   realtime_database),
				 errhint("Run CREATE EXTENSION realtime there.")));
	else if (state == RT_SERVICE_NO_CLIENT_ROLE)
		ereport(LOG,
				(errmsg("realtime waits for role \"%s\"", realtime_anonymous_role),
				 errdetail("\"realtime.anonymous_role\" names it, and it does not exist.")));
}

/*
 * Tells everybody when calls become possible or impossible.  READY replaces
 * what the launcher said while it waited for us, but not a vacating.  STARTING
 * may be its question to executors that never left.
 */
static bool
note_state(RtServiceState state)
{
	bool		is_spoiled = false;

	if (state == found && rt_service_state() != RT_SERVICE_STARTING)
		return false;
	if (state == RT_SERVICE_READY && !rt_database_is_vacated(MyDatabaseId))
		is_spoiled = rt_service_hook_begin();
	found = state;
	if (state == RT_SERVICE_READY && rt_database_is_vacated(MyDatabaseId))
		return is_spoiled;
	if (rt_service_set_state(state))
		report_state(state);
	return is_spoiled;
}

/* Somebody may have locked the tables: to wait for that has an end. */
static RtServiceState
look(bool *is_stale)
{
	MemoryContext context = CurrentMemoryContext;
	RtServiceState state = RT_SERVICE_READY;

	catalog_seen = rt_catalog_generation();
	SetCurrentStatementStartTimestamp();
	rt_deadline_arm(GetCurrentStatementStartTimestamp() +
					(int64) realtime_handler_timeout * 1000);
	StartTransactionCommand();
	if (!rt_declarations_refresh())
		state = RT_SERVICE_NO_EXTENSION;
	else if (!rt_identity_has_anonymous())
		state = RT_SERVICE_NO_CLIENT_ROLE;
	if (state != RT_SERVICE_NO_EXTENSION)
		rt_service_set_hooks(catalog_seen, rt_declaration_hooks());
	*is_stale = rt_identity_is_stale();
	rt_functions_drop_gone();
	CommitTransactionCommand();
	rt_deadline_disarm();
	MemoryContextSwitchTo(context);
	return state;
}

bool
rt_readiness_look(void)
{
	bool		is_stale;
	RtServiceState state = look(&is_stale);

	return note_state(state) || is_stale;
}

bool
rt_is_ready(void)
{
	return found == RT_SERVICE_READY;
}

bool
rt_readiness_may_differ(void)
{
	return !rt_is_ready() || catalog_seen != rt_catalog_generation() ||
		rt_service_state() == RT_SERVICE_STARTING;
}

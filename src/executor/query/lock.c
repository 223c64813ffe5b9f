/*
 * lock.c
 *		Locking what a query reads, without waiting for anybody.
 *
 * Who has some locks and waits for others can be in the way of a command over
 * several tables that goes the other way round.  Then the command may be the one
 * that is ended: whoever notices the deadlock is.  So a query is run when all of
 * its locks can be had at once, and later if not.
 *
 * Some are not known before, as those of an index that is made anew, of tables
 * that functions read, or of a query that has to be analysed first.  These are
 * waited for, but not for long.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/resowner.h"

#include "src/compat.h"
#include "src/executor/query/lock.h"
#include "src/executor/query/prepared.h"

#define BRIEFLY_MS "10"
#define PAUSE_MS 10				/* between attempts; longer each time, up to: */
#define PAUSE_MAX_MS 200

/* ---- locks ---- */

static void
lock_relation(Oid relation)
{
	if (!ConditionalLockRelationOid(relation, AccessShareLock))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("a table that a live query reads is locked")));
}

/* It has been locked. */
static void
lock_heirs(Oid relation)
{
	ListCell   *cell;

	if (!has_subclass(relation))
		return;
	foreach(cell, find_all_inheritors(relation, NoLock, NULL))
	{
		if (lfirst_oid(cell) != relation)
			lock_relation(lfirst_oid(cell));
	}
}

/* Views and what they read, and what is known of functions. */
static void
lock_all(const RtQuery *query)
{
	ListCell   *cell;

	foreach(cell, query->objects)
		lock_relation(lfirst_oid(cell));
	foreach(cell, query->relations)
	{
		Oid			relation = ((const RtQueryRelation *) lfirst(cell))->relid;

		if (!list_member_oid(query->objects, relation))
			lock_relation(relation);
		lock_heirs(relation);
	}
}

/* What it reads may be something else by then. */
RtQuery *
rt_query_lock(const RtStreamDeclaration *declaration)
{
	RtQuery    *query = rt_query_prepared(declaration);
	uint64		serial;

	do
	{
		CHECK_FOR_INTERRUPTS();
		serial = query->serial;
		lock_all(query);
		query = rt_query_prepared(declaration);
	} while (query->serial != serial);
	return query;
}

void
rt_query_wait_briefly(void)
{
	(void) set_config_option("lock_timeout", BRIEFLY_MS, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

bool
rt_query_is_locked(void)
{
	return geterrcode() == ERRCODE_LOCK_NOT_AVAILABLE ||
		geterrcode() == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* ---- until it can be done ---- */

static RtQuery *
lock_briefly(const RtStreamDeclaration *declaration)
{
	int			guc_level = NewGUCNestLevel();
	RtQuery    *query;

	rt_query_wait_briefly();
	query = rt_query_lock(declaration);
	AtEOXact_GUC(false, guc_level);
	return query;
}

/* NULL if something is locked. */
static RtQuery *
try_to_lock(const RtStreamDeclaration *declaration, bool keep)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	RtQuery    *volatile query = NULL;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		query = lock_briefly(declaration);
		if (keep)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (!rt_query_is_locked())
			error = CopyErrorData();
		FlushErrorState();
		/* also for who gets the error: he aborts his transaction, and not this one */
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL)
		ReThrowError(error);
	return query;
}

static void
pause_for(long ms)
{
	static uint32 wait_event = 0;

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 rt_wait_event(&wait_event, "RealtimeQueryLock"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

RtQuery *
rt_query_lock_patiently(const RtStreamDeclaration *declaration, bool keep)
{
	long		pause_ms = PAUSE_MS;
	RtQuery    *query;

	while ((query = try_to_lock(declaration, keep)) == NULL)
	{
		pause_for(pause_ms);
		pause_ms = Min(2 * pause_ms, PAUSE_MAX_MS);
	}
	return query;
}

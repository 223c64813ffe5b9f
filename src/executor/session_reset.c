/*
 * session_reset.c
 *		What a call leaves in the session is gone before the next one.
 *
 * Everything that DISCARD ALL would discard, in the cheapest way that is
 * still complete:
 *
 * settings		a nest level of their own, rolled back at PRE_COMMIT, when
 *				deferred triggers have run; an abort rolls them back itself
 * temporary objects	a transaction of its own, only if there may be some
 * cursors, prepared statements, advisory locks, sequence values, temporary
 * replication slots, replication origin
 *				calls that return at once when there is nothing
 * setseed()	cannot be seen, so random() gets another seed after each call
 * LISTEN		PostgreSQL refuses it in background workers
 * role			cannot be changed (identity.c)
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "replication/slot.h"
#include "storage/lock.h"
#include "storage/sinval.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "src/executor/session_reset.h"

static int	settings_level = 0;	/* 0 = none of ours */
static bool temporary_objects = false;

void
rt_session_reset_begin(void)
{
	settings_level = NewGUCNestLevel();
}

bool
rt_session_reset_is_pending(void)
{
	return settings_level != 0;
}

/*
 * Objects can be made in the temporary schema by its real name, too, and that
 * sets no flag.  Once there is such a schema, whoever has changed a catalog
 * may have done so.
 */
static bool
may_have_named_temporary_schema(void)
{
	SharedInvalidationMessage *messages;
	bool		init_file;
	Oid			schema;
	Oid			toast_schema;

	GetTempNamespaceState(&schema, &toast_schema);
	return OidIsValid(schema) &&
		xactGetCommittedInvalidationMessages(&messages, &init_file) > 0;
}

void
rt_session_reset_precommit(void)
{
	int			level = settings_level;

	settings_level = 0;
	AtEOXact_GUC(false, level);
	if (may_have_named_temporary_schema())
		temporary_objects = true;
}

void
rt_session_reset_commit(void)
{
	if ((MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) != 0)
		temporary_objects = true;
}

/* Nobody waits for the durability of a deletion of temporary objects. */
static void
drop_temporary_objects(void)
{
	int			level = synchronous_commit;

	synchronous_commit = SYNCHRONOUS_COMMIT_OFF;
	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		ResetTempTableNamespace();
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_FINALLY();
	{
		synchronous_commit = level;
	}
	PG_END_TRY();
}

/* Only we write our own pid, so no lock is needed to find it. */
static void
drop_temporary_slots(void)
{
	for (int i = 0; i < max_replication_slots; i++)
	{
		if (ReplicationSlotCtl->replication_slots[i].active_pid != MyProcPid)
			continue;
		rt_replication_slot_cleanup();
		return;
	}
}

static void
end_replication(void)
{
	drop_temporary_slots();
	if (replorigin_session_origin != InvalidRepOriginId)
	{
		replorigin_session_reset();
		replorigin_session_origin = InvalidRepOriginId;
		replorigin_session_origin_lsn = InvalidXLogRecPtr;
		replorigin_session_origin_timestamp = 0;
	}
}

static void
reseed_random(void)
{
	double		seed = pg_prng_double(&pg_global_prng_state) * 2 - 1;

	(void) DirectFunctionCall1(setseed, Float8GetDatum(seed));
}

static void
remove_leftovers(void)
{
	reseed_random();
	end_replication();
	PortalHashTableDeleteAll();
	DropAllPreparedStatements();
	LockReleaseAll(USER_LOCKMETHOD, true);
	ResetSequenceCaches();

	if (temporary_objects)
	{
		drop_temporary_objects();
		temporary_objects = false;	/* it has touched them itself */
	}
}

bool
rt_session_reset(void)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool clean = true;

	settings_level = 0;
	PG_TRY();
	{
		remove_leftovers();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		clean = false;
	}
	PG_END_TRY();

	MemoryContextSwitchTo(context);
	return clean;
}

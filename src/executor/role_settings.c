/*
 * role_settings.c
 *		Settings of roles (ALTER ROLE ... SET), which PostgreSQL looks at when
 *		somebody logs in, and which are to hold for whoever a call runs as.
 *
 * There is no system cache of them, and no invalidation message, so each commit
 * that changes any counts a generation in shared memory (after_commit.c).  What
 * was read before it is void.  The generation is read first and then the table:
 * who reads what is older than it says reads it again.
 *
 * A role's settings are set in the level of settings that is undone after the
 * call (session_reset.c, identity.c), so they are gone before anybody else's
 * call.  Whether they may be set is asked of the executor's role, which is no
 * superuser: what only superusers may set is left out, unless that role was
 * granted SET on it.  Two things are not settings alone: the statement timeout,
 * because nothing watches it in a background worker, and the isolation level,
 * because a transaction begins with it.
 *
 * Settings of the database, and of the executor's own role, a session gets when
 * it begins, and PostgreSQL cannot take them back.  If these have changed the
 * executor makes room for a new process.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "src/executor/identity.h"
#include "src/executor/role_settings.h"
#include "src/guc.h"
#include "src/ipc/service.h"

static HTAB *kept = NULL;		/* RtRoleSettings */
static MemoryContext kept_context = NULL;
static uint64 kept_generation = 0;	/* of settings */
static uint64 kept_privileges = 0;

/* What this process has begun with. */
static uint64 session_generation = 0;
static uint64 session_hash = 0;
static bool session_is_stale = false;

/* ---- the table ---- */

/* A copy of the array, NULL = there is none. */
static ArrayType *
read_settings(Oid database, Oid role)
{
	Relation	table = table_open(DbRoleSettingRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	row;
	ArrayType  *settings = NULL;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(database));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(role));
	scan = systable_beginscan(table, DbRoleSettingDatidRolidIndexId, true, NULL, 2, keys);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
	{
		bool		is_null;
		Datum		value = heap_getattr(row, Anum_pg_db_role_setting_setconfig,
										 RelationGetDescr(table), &is_null);

		if (!is_null)
			settings = DatumGetArrayTypePCopy(value);
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return settings;
}

/* ---- settings of a role ---- */

/* Who a call is, and how its process ends, is not for a setting to say. */
static bool
is_ours(const char *name)
{
	static const char *const names[] = {
		"request.jwt.claims", "role", "session_authorization", "transaction_timeout"
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (pg_strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Returns whether executors may set it; not really: then nothing else happens. */
static bool
set(const char *name, const char *value, bool really)
{
	Oid			setter = get_role_oid(realtime_executor_role, true);

	return OidIsValid(setter) &&
		set_config_option_ext(name, value, PGC_USERSET, PGC_S_SESSION, setter,
							  GUC_ACTION_SAVE, really, DEBUG2, false) != 0;
}

static int
isolation_of(const char *value)
{
	if (pg_strcasecmp(value, "serializable") == 0)
		return XACT_SERIALIZABLE;
	if (pg_strcasecmp(value, "repeatable read") == 0)
		return XACT_REPEATABLE_READ;
	return XACT_READ_COMMITTED;
}

/* A setting that is there already has its later value. */
static int
place_of(const RtRoleSettings *settings, const char *name)
{
	int			i = 0;

	while (i < settings->count && pg_strcasecmp(settings->names[i], name) != 0)
		i++;
	return i;
}

static void
add(RtRoleSettings *settings, const char *name, const char *value)
{
	int			place = place_of(settings, name);

	if (is_ours(name) || !set(name, value, false))
		return;
	if (pg_strcasecmp(name, "statement_timeout") == 0)
		(void) parse_int(value, &settings->statement_timeout_ms, GUC_UNIT_MS, NULL);
	if (pg_strcasecmp(name, "default_transaction_isolation") == 0)
		settings->isolation = isolation_of(value);
	settings->names[place] = MemoryContextStrdup(kept_context, name);
	settings->values[place] = MemoryContextStrdup(kept_context, value);
	settings->count = Max(settings->count, place + 1);
}

/* Each is a text, name=value. */
static void
add_all(RtRoleSettings *settings, ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	Size		size;

	if (array == NULL)
		return;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	size = sizeof(char *) * (settings->count + count);
	settings->names = settings->names == NULL ? MemoryContextAlloc(kept_context, size) :
		repalloc(settings->names, size);
	settings->values = settings->values == NULL ? MemoryContextAlloc(kept_context, size) :
		repalloc(settings->values, size);
	for (int i = 0; i < count; i++)
	{
		char	   *name = TextDatumGetCString(elements[i]);
		char	   *value = strchr(name, '=');

		if (value == NULL)
			continue;
		*value = '\0';
		add(settings, name, value + 1);
	}
}

static void
forget_all(uint64 generation, uint64 privileges)
{
	HASHCTL		ctl;

	if (kept_context == NULL)
		kept_context = AllocSetContextCreate(TopMemoryContext, "realtime role settings",
											 ALLOCSET_SMALL_SIZES);
	kept = NULL;
	MemoryContextReset(kept_context);
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(RtRoleSettings);
	ctl.hcxt = kept_context;
	kept = hash_create("realtime settings of roles", 16, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	kept_generation = generation;
	kept_privileges = privileges;
}

/* In the database they go before those of the role alone. */
static void
read_role(RtRoleSettings *settings, Oid role)
{
	memset(settings, 0, sizeof(*settings));
	settings->role = role;
	settings->isolation = -1;
	add_all(settings, read_settings(InvalidOid, role));
	add_all(settings, read_settings(MyDatabaseId, role));
}

const RtRoleSettings *
rt_role_settings_get(Oid role)
{
	uint64		generation = rt_settings_generation();
	uint64		privileges = rt_privilege_generation();
	RtRoleSettings *settings;
	RtRoleSettings read;

	if (kept == NULL || kept_generation != generation || kept_privileges != privileges)
		forget_all(generation, privileges);
	settings = hash_search(kept, &role, HASH_FIND, NULL);
	if (settings != NULL)
		return settings;
	read_role(&read, role);		/* may raise */
	settings = hash_search(kept, &role, HASH_ENTER, NULL);
	*settings = read;
	return settings;
}

void
rt_role_settings_apply(const RtRoleSettings *settings)
{
	for (int i = 0; i < settings->count; i++)
		(void) set(settings->names[i], settings->values[i], true);
}

/* ---- those with which this process has begun ---- */

static uint64
hash_of(Oid database, Oid role)
{
	ArrayType  *settings = read_settings(database, role);

	return settings == NULL ? 0 :
		hash_bytes_extended((unsigned char *) settings, VARSIZE(settings), 0);
}

/* As process_settings() of PostgreSQL reads them. */
static uint64
hash_session(void)
{
	Oid			role = GetSessionUserId();
	uint64		hash = hash_of(InvalidOid, InvalidOid);

	hash = hash_combine64(hash, hash_of(MyDatabaseId, InvalidOid));
	hash = hash_combine64(hash, hash_of(InvalidOid, role));
	return hash_combine64(hash, hash_of(MyDatabaseId, role));
}

void
rt_session_settings_connect(void)
{
	session_generation = rt_settings_generation();
}

/* What has changed in between the session may have seen or not. */
void
rt_session_settings_connected(void)
{
	session_hash = hash_session();
	session_is_stale = rt_settings_generation() != session_generation;
}

bool
rt_session_settings_may_differ(void)
{
	return session_is_stale || rt_settings_generation() != session_generation;
}

bool
rt_session_settings_differ(void)
{
	uint64		generation = rt_settings_generation();

	session_is_stale |= hash_session() != session_hash;
	session_generation = generation;
	return session_is_stale;
}

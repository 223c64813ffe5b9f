/*
 * prepared.c
 *		The queries of declarations as this process knows them.
 *
 * What an analysis rests on: the relations that it has seen, functions, types
 * and operators, and who is a member of what.  It is made again when any of them
 * has changed; which happens between two uses, never under one.
 *
 * What has not been used for the longest time goes when plans take too much memory
 * (kept_plan.c).  How much it is is looked at after a use, when there are more plans,
 * and now and then, because each may grow.  An analysis and its plans are two things there:
 * rounds look at all analyses, and at the plans of what they run only.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "src/executor/identity.h"
#include "src/executor/kept_plan.h"
#include "src/executor/query/prepared.h"
#include "src/executor/query/watched.h"
#include "src/query/run.h"

typedef struct PreparedKey
{
	Oid			declaration;
	Oid			role;
} PreparedKey;

typedef struct Prepared
{
	PreparedKey key;
	RtQuery    *query;			/* NULL = none */
	bool		valid;			/* nothing of it has changed since */
	uint64		privileges;		/* their generation */
	RtKeptPlan	kept;			/* the analysis */
	RtKeptPlan	kept_plans;		/* if it has any: */
	bool		has_plans;
	uint32		uses;
	int			plans;			/* when they were measured */
} Prepared;

static HTAB *prepared = NULL;
static Prepared *used_last = NULL;	/* has perhaps more plans since, not measured yet */
static MemoryContext queries_context = NULL;

/* ---- what changes ---- */

static void
on_relation_change(Datum arg, Oid relation)
{
	HASH_SEQ_STATUS scan;
	Prepared   *entry;

	hash_seq_init(&scan, prepared);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (relation == InvalidOid || entry->query == NULL ||
			list_member_oid(entry->query->objects, relation))
			entry->valid = false;
	}
}

static void
on_catalog_change(Datum arg, int cacheid, uint32 hashvalue)
{
	on_relation_change((Datum) 0, InvalidOid);
}

static void
init(void)
{
	HASHCTL		ctl;

	if (prepared != NULL)
		return;
	ctl.keysize = sizeof(PreparedKey);
	ctl.entrysize = sizeof(Prepared);
	prepared = hash_create("realtime prepared queries", 32, &ctl,
						   HASH_ELEM | HASH_BLOBS);
	queries_context = AllocSetContextCreate(TopMemoryContext,
											"realtime prepared queries",
											ALLOCSET_DEFAULT_SIZES);
	CacheRegisterRelcacheCallback(on_relation_change, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, on_catalog_change, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, on_catalog_change, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, on_catalog_change, (Datum) 0);
}

/* ---- looking ---- */

static void
forget_plans(Prepared *entry)
{
	if (!entry->has_plans)
		return;
	rt_query_forget_plans(entry->query);
	rt_kept_plan_remove(&entry->kept_plans);
	entry->has_plans = false;
	entry->uses = 0;
	entry->plans = 0;
}

static void
drop_plans(RtKeptPlan *kept)
{
	forget_plans((Prepared *) ((char *) kept - offsetof(Prepared, kept_plans)));
}

static void
forget_query(Prepared *entry)
{
	forget_plans(entry);
	if (entry->query != NULL)
		rt_query_free(entry->query);
	rt_kept_plan_resize(&entry->kept, 0);
	entry->query = NULL;
}

static void
drop(RtKeptPlan *kept)
{
	Prepared   *entry = (Prepared *) ((char *) kept - offsetof(Prepared, kept));

	forget_query(entry);
	if (used_last == entry)
		used_last = NULL;
	rt_kept_plan_remove(kept);
	(void) hash_search(prepared, &entry->key, HASH_REMOVE, NULL);
}

/* Those of declarations that are gone; none of them is in use. */
static void
forget_old(void)
{
	static uint64 version = 0;
	HASH_SEQ_STATUS scan;
	Prepared   *entry;

	if (version == rt_declarations_version())
		return;
	version = rt_declarations_version();
	hash_seq_init(&scan, prepared);
	while ((entry = hash_seq_search(&scan)) != NULL)
		drop(&entry->kept);
}

static Prepared *
find_entry(Oid declaration, Oid role)
{
	PreparedKey key = {declaration, role};
	bool		found;
	Prepared   *entry = hash_search(prepared, &key, HASH_ENTER, &found);

	if (!found)
	{
		memset((char *) entry + sizeof(key), 0, sizeof(Prepared) - sizeof(key));
		rt_kept_plan_add(&entry->kept, drop);
	}
	return entry;
}

static bool
is_current(const Prepared *entry)
{
	return entry->query != NULL && entry->valid &&
		entry->privileges == rt_privilege_generation();
}

static bool
is_to_be_measured(const Prepared *entry)
{
	return entry->has_plans && (list_length(entry->query->plans) != entry->plans ||
								(entry->uses & (entry->uses - 1)) == 0);
}

static void
measure(Prepared *entry)
{
	entry->plans = list_length(entry->query->plans);
	rt_kept_plan_resize(&entry->kept, rt_query_size(entry->query));
	rt_kept_plan_resize(&entry->kept_plans, rt_query_plans_size(entry->query));
}

static RtQuery *
use(Prepared *entry)
{
	if (used_last != NULL && is_to_be_measured(used_last))
		measure(used_last);
	used_last = entry;
	rt_kept_plan_use(&entry->kept);
	if (entry->has_plans)
		rt_kept_plan_use(&entry->kept_plans);
	else
		rt_kept_plan_add(&entry->kept_plans, drop_plans);
	entry->has_plans = true;
	entry->uses++;
	rt_kept_plans_make_room();
	return entry->query;
}

static RtQuery *
analyze(const RtStreamDeclaration *declaration)
{
	const RtQueryDeclaration *query = declaration->query;
	RtQuerySource source = {
		.sql = query->sql,
		.param_types = query->parameter_types,
		.param_count = query->parameter_count,
		.key = query->key,
		.depends_on = query->depends_on,
		.may_be_stale = declaration->stale_after_ms >= 0
	};
	RtQuery    *analyzed = rt_query_analyze(&source);

	rt_query_check_watched(analyzed);
	/* what has failed goes with the current context */
	MemoryContextSetParent(analyzed->context, queries_context);
	return analyzed;
}

RtQuery *
rt_query_prepared(const RtStreamDeclaration *declaration)
{
	Prepared   *entry;

	init();
	forget_old();
	entry = find_entry(declaration->query->id, GetUserId());
	rt_kept_plan_use(&entry->kept);
	if (is_current(entry))
		return use(entry);
	forget_query(entry);
	/* a change that arrives meanwhile makes it void at once */
	entry->valid = true;
	entry->privileges = rt_privilege_generation();
	entry->query = analyze(declaration);
	return use(entry);
}

RtQuery *
rt_query_prepared_find(Oid declaration, const char *role)
{
	Oid			oid = get_role_oid(role, true);
	PreparedKey key = {declaration, oid};
	Prepared   *entry;

	init();
	forget_old();
	entry = OidIsValid(oid) ? hash_search(prepared, &key, HASH_FIND, NULL) : NULL;
	if (entry == NULL || !is_current(entry))
		return NULL;
	/* its plans are not wanted, and may go for those of others */
	rt_kept_plan_use(&entry->kept);
	return entry->query;
}

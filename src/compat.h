/*
 * compat.h
 *		Every condition on the PostgreSQL version, in one place.
 *
 * The code is written against the names of the newest supported server;
 * this header supplies them for the older ones.  No other file tests
 * PG_VERSION_NUM.
 */
#ifndef RT_COMPAT_H
#define RT_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "realtime needs PostgreSQL 15 or later"
#endif

#define RT_SERVER_MAJOR (PG_VERSION_NUM / 10000)

#include "access/stratnum.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_proc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 160000
#define rt_object_ownercheck_database(oid, role) \
	pg_database_ownercheck((oid), (role))
#define rt_object_ownercheck_relation(oid, role) \
	pg_class_ownercheck((oid), (role))
#define rt_aclcheck_function(oid, role) \
	pg_proc_aclcheck((oid), (role), ACL_EXECUTE)
#else
#define rt_object_ownercheck_database(oid, role) \
	object_ownercheck(DatabaseRelationId, (oid), (role))
#define rt_object_ownercheck_relation(oid, role) \
	object_ownercheck(RelationRelationId, (oid), (role))
#define rt_aclcheck_function(oid, role) \
	object_aclcheck(ProcedureRelationId, (oid), (role), ACL_EXECUTE)
#endif

/* PostgreSQL 18 keeps the plans of SQL functions itself. */
#define RT_SQL_BODIES_ARE_PLANNED_ANEW (PG_VERSION_NUM < 180000)

/* The number that finds a process's PGPROC from any other process. */
#if PG_VERSION_NUM < 170000
typedef int RtProcNumber;
#define RT_INVALID_PROC_NUMBER (-1)
#define RT_MY_PROC_NUMBER (MyProc->pgprocno)
#define RT_PROC_BY_NUMBER(n) (&ProcGlobal->allProcs[(n)])
#else
#include "storage/procnumber.h"
typedef ProcNumber RtProcNumber;
#define RT_INVALID_PROC_NUMBER INVALID_PROC_NUMBER
#define RT_MY_PROC_NUMBER MyProcNumber
#define RT_PROC_BY_NUMBER(n) GetPGProcByNumber(n)
#endif

/*
 * Named wait events exist for extensions since 17.  Looking a name up takes a
 * lock that is shared by all processes: each place keeps what it has found in
 * *event, which is 0 at first.
 */
static inline uint32
rt_wait_event(uint32 *event, const char *name)
{
#if PG_VERSION_NUM < 170000
	*event = PG_WAIT_EXTENSION;
#else
	if (*event == 0)
		*event = WaitEventExtensionNew(name);
#endif
	return *event;
}

/*
 * Since 17 transaction_timeout ends a session, where statement_timeout does
 * nothing to a worker: the setting of all sessions is not meant for ours.  To
 * be called before the worker connects.
 */
static inline void
rt_forbid_transaction_timeout(void)
{
#if PG_VERSION_NUM >= 170000
	SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
#endif
}

/*
 * Whether a role is made a member of another one, be it a superuser, and may
 * become it: since 16 a membership WITH SET FALSE does not allow that.
 */
static inline bool
rt_member_can_set_role(Oid member, Oid role)
{
#if PG_VERSION_NUM >= 160000
	if (!member_can_set_role(member, role))
		return false;
#endif
	return is_member_of_role_nosuper(member, role);
}

/* CreateWaitEventSet() takes a resource owner instead of a context since 17. */
#if PG_VERSION_NUM < 170000
#define rt_create_wait_event_set(n) \
	CreateWaitEventSet(TopMemoryContext, (n))
#else
#define rt_create_wait_event_set(n) CreateWaitEventSet(NULL, (n))
#endif

/* Arguments that later versions have added. */
#if PG_VERSION_NUM < 160000
#define rt_insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples((info), (slot), (estate), false, false, NULL, NIL)
#else
#define rt_insert_index_tuples(info, slot, estate) \
	ExecInsertIndexTuples((info), (slot), (estate), false, false, NULL, NIL, false)
#endif
#if PG_VERSION_NUM < 180000
#define rt_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan((table), (index), (snapshot), (nkeys), 0)
#define rt_form_minimal_tuple(desc, values, nulls) \
	heap_form_minimal_tuple((desc), (values), (nulls))
#define rt_primary_key_index(table) RelationGetPrimaryKeyIndex(table)
#else
#define rt_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan((table), (index), (snapshot), NULL, (nkeys), 0)
#define rt_form_minimal_tuple(desc, values, nulls) \
	heap_form_minimal_tuple((desc), (values), (nulls), 0)
#define rt_primary_key_index(table) RelationGetPrimaryKeyIndex((table), false)
#endif

/* The third argument since 17. */
#if PG_VERSION_NUM < 170000
#define rt_lock_is_held(tag, mode) LockHeldByMe((tag), (mode))
#else
#define rt_lock_is_held(tag, mode) LockHeldByMe((tag), (mode), false)
#endif

/* A prefix since 18. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* Whether a relation has got another file in this transaction. */
#if PG_VERSION_NUM < 160000
#define rt_relation_is_rewritten(relation) \
	((relation)->rd_firstRelfilenodeSubid != InvalidSubTransactionId)
#else
#define rt_relation_is_rewritten(relation) \
	((relation)->rd_firstRelfilelocatorSubid != InvalidSubTransactionId)
#endif

/* Long values were described in postgres.h before 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Generated columns without a stored value exist since 18. */
#if PG_VERSION_NUM < 180000
#define rt_attribute_is_virtual(attribute) false
#else
#define rt_attribute_is_virtual(attribute) \
	((attribute)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#endif

/* What is grouped is a relation of its own in the range table since 18. */
#if PG_VERSION_NUM < 180000
#define rt_group_expressions(rte) NIL
#else
#define rt_group_expressions(rte) \
	((rte)->rtekind == RTE_GROUP ? (rte)->groupexprs : NIL)
#endif

/* RETURNING can give the rows of before and after since 18, which may be missing. */
#if PG_VERSION_NUM < 180000
#define rt_var_may_be_no_row(var) false
#else
#define rt_var_may_be_no_row(var) ((var)->varreturningtype != VAR_RETURNING_DEFAULT)
#endif

/* Strategies of B-trees have names of their own since 18. */
#if PG_VERSION_NUM < 180000
typedef int16 RtCompareType;
#define RT_COMPARE_GT BTGreaterStrategyNumber
#else
#include "access/cmptype.h"
typedef CompareType RtCompareType;
#define RT_COMPARE_GT COMPARE_GT
#endif

/* MarkGUCPrefixReserved() exists since 15: nothing to do. */

/* 17 tells slots that are synchronized from others. */
#if PG_VERSION_NUM >= 170000
#define rt_replication_slot_cleanup() ReplicationSlotCleanup(false)
#else
#define rt_replication_slot_cleanup() ReplicationSlotCleanup()
#endif

/* GRANT role WITH INHERIT FALSE takes something away. */
#if PG_VERSION_NUM >= 160000
#define rt_grant_role_has_options(statement) ((statement)->opt != NIL)
#else
#define rt_grant_role_has_options(statement) false
#endif

#endif							/* RT_COMPAT_H */

/*
 * context.c
 *		What guards have learnt and want to pass on: realtime.set_context().
 *
 * A list, newest first, so that what is found first counts and what a rolled
 * back (sub)transaction has set is on top.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "src/executor/context.h"
#include "src/executor/identity.h"

#define KEY_MAX 255				/* bytes */
#define CONTEXT_MAX (1024 * 1024)	/* of all keys and values */

typedef struct Entry
{
	struct Entry *next;
	SubTransactionId subid;		/* Invalid: its transaction is committed */
	char	   *key;
	Jsonb	   *value;			/* NULL = set to NULL */
} Entry;

static MemoryContext memory = NULL; /* of all that follows */
static Entry *entries = NULL;
static Size used = 0;

PG_FUNCTION_INFO_V1(realtime_set_context);
PG_FUNCTION_INFO_V1(realtime_context);

void
rt_context_clear(void)
{
	if (entries == NULL)
		return;
	entries = NULL;
	used = 0;
	MemoryContextReset(memory);
}

/* ---- transactions ---- */

/* What stays in memory is bounded, and gone with the call. */
static void
cut(SubTransactionId from)
{
	while (entries != NULL && entries->subid >= from)
		entries = entries->next;
}

static void
on_subtransaction_end(SubXactEvent event, SubTransactionId own,
					  SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		cut(own);
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (Entry *entry = entries; entry != NULL && entry->subid >= own; entry = entry->next)
			entry->subid = parent;
	}
}

static void
on_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		cut(TopSubTransactionId);
	else if (event == XACT_EVENT_COMMIT)
	{
		for (Entry *entry = entries; entry != NULL; entry = entry->next)
			entry->subid = InvalidSubTransactionId;
	}
}

void
rt_context_init(void)
{
	if (memory != NULL)
		return;
	memory = AllocSetContextCreate(TopMemoryContext, "realtime context",
								   ALLOCSET_SMALL_SIZES);
	RegisterXactCallback(on_transaction_end, NULL);
	RegisterSubXactCallback(on_subtransaction_end, NULL);
}

/* ---- SQL functions ---- */

static char *
checked_key(FunctionCallInfo fcinfo)
{
	char	   *key;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("key must not be null")));
	key = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (key[0] == '\0' || strlen(key) > KEY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a key must have 1 to %d bytes", KEY_MAX)));
	return key;
}

static void
add_entry(const char *key, const Jsonb *value)
{
	Size		size = sizeof(Entry) + strlen(key) + 1 +
		(value != NULL ? VARSIZE(value) : 0);
	Entry	   *entry;

	if (used + size > CONTEXT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the context of a call has more than %d bytes", CONTEXT_MAX),
				 errdetail("All that has been set during the call counts.")));
	entry = MemoryContextAlloc(memory, sizeof(Entry));
	entry->key = MemoryContextStrdup(memory, key);
	entry->value = NULL;
	if (value != NULL)
	{
		entry->value = MemoryContextAlloc(memory, VARSIZE(value));
		memcpy(entry->value, value, VARSIZE(value));
	}
	entry->subid = GetCurrentSubTransactionId();
	entry->next = entries;
	entries = entry;
	used += size;
}

Datum
realtime_set_context(PG_FUNCTION_ARGS)
{
	char	   *key = checked_key(fcinfo);

	if (rt_caller() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("realtime.set_context() can only be used in a realtime call"),
				 errhint("realtime.call() makes one.")));
	rt_context_init();
	add_entry(key, PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1));
	PG_RETURN_VOID();
}

Datum
realtime_context(PG_FUNCTION_ARGS)
{
	char	   *key;

	if (PG_ARGISNULL(0) || rt_caller() == NULL)
		PG_RETURN_NULL();
	key = text_to_cstring(PG_GETARG_TEXT_PP(0));
	for (const Entry *entry = entries; entry != NULL; entry = entry->next)
	{
		if (strcmp(entry->key, key) != 0)
			continue;
		if (entry->value == NULL)
			PG_RETURN_NULL();
		PG_RETURN_JSONB_P(entry->value);
	}
	PG_RETURN_NULL();
}

/*
 * inspect.c
 *		Lets tests read the change ring as who runs live queries reads it.
 *
 * The install script declares none of these: a test does, with CREATE FUNCTION.
 * They read instead of the executors, so nobody may follow a query meanwhile.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "src/ipc/change_ring.h"
#include "src/ipc/request_queue.h"

/* For tests alone: nothing but CREATE FUNCTION knows them. */
PG_FUNCTION_INFO_V1(realtime_test_listen);
PG_FUNCTION_INFO_V1(realtime_test_changes);
PG_FUNCTION_INFO_V1(realtime_test_round_wanted);
PG_FUNCTION_INFO_V1(realtime_test_hold_commit);

/* (listens boolean): whoever says true must say false later. */
Datum
realtime_test_listen(PG_FUNCTION_ARGS)
{
	if (PG_GETARG_BOOL(0))
		rt_change_listener_add();
	else
		rt_change_listener_remove();
	PG_RETURN_VOID();
}

Datum
realtime_test_round_wanted(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(rt_round_is_wanted());
}

/* ---- a commit that stands still where it can be seen already ---- */

#define HOLD_LOOK_US 1000
#define HOLD_LOOKS 60000

static char hold_file[MAXPGPATH];

/* Registered after the others, and so called before them. */
static void
hold_commit(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && hold_file[0] != '\0')
	{
		for (int i = 0; i < HOLD_LOOKS && access(hold_file, F_OK) != 0; i++)
			pg_usleep(HOLD_LOOK_US);
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		hold_file[0] = '\0';
}

/* (file text): this transaction is visible, but not done before that is there. */
Datum
realtime_test_hold_commit(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(hold_commit, NULL);
	registered = true;
	strlcpy(hold_file, text_to_cstring(PG_GETARG_TEXT_PP(0)), MAXPGPATH);
	PG_RETURN_VOID();
}

/* ---- reading ---- */

static void
write_image(StringInfo out, const RtChange *change, MinimalTuple image)
{
	const RtChangeColumn *columns = rt_change_columns(change);
	TupleDesc	desc = CreateTemplateTupleDesc(change->column_count);
	HeapTuple	tuple = heap_tuple_from_minimal_tuple(image);

	for (int i = 0; i < change->column_count; i++)
		TupleDescInitEntry(desc, i + 1, NULL, columns[i].type, -1, 0);
	for (int i = 0; i < change->column_count; i++)
	{
		bool		is_null;
		Datum		value = heap_getattr(tuple, i + 1, desc, &is_null);
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(columns[i].type, &output, &is_varlena);
		appendStringInfo(out, "%s%s=%s", i == 0 ? "" : ",",
						 get_attname(change->relation, columns[i].attnum, false),
						 is_null ? "NULL" : OidOutputFunctionCall(output, value));
	}
}

static char *
describe_change(const RtChange *change)
{
	StringInfoData out;

	initStringInfo(&out);
	if (change->flags & RT_CHANGE_EVERYTHING)
		return pstrdup("everything");
	appendStringInfoString(&out, get_rel_name(change->relation));
	if (change->row_relation != change->relation)
		appendStringInfo(&out, "/%s", get_rel_name(change->row_relation));
	if (change->flags & RT_CHANGE_ANY)
		appendStringInfoString(&out, " any");
	if (rt_change_old(change) != NULL)
	{
		appendStringInfoString(&out, " -");
		write_image(&out, change, rt_change_old(change));
	}
	if (rt_change_new(change) != NULL)
	{
		appendStringInfoString(&out, " +");
		write_image(&out, change, rt_change_new(change));
	}
	return out.data;
}

static ArrayBuildState *
add_text(ArrayBuildState *array, const char *text)
{
	return accumArrayResult(array, CStringGetTextDatum(text), false, TEXTOID,
							CurrentMemoryContext);
}

/*
 * (latest boolean) returns text[]: what has not been read and is visible to a
 * new snapshot, or else to that of the transaction.
 */
Datum
realtime_test_changes(PG_FUNCTION_ARGS)
{
	ArrayBuildState *array = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	const RtChange *change;
	Snapshot	snapshot;
	RtRingRead	result;

	rt_changes_prepare();
	snapshot = RegisterSnapshot(PG_GETARG_BOOL(0) ? GetLatestSnapshot() :
								GetTransactionSnapshot());
	rt_changes_begin(snapshot);
	while ((result = rt_changes_next(&change)) != RT_RING_EMPTY)
		array = add_text(array, result == RT_RING_OVERRUN ? "overrun" :
						 describe_change(change));
	rt_changes_end();
	UnregisterSnapshot(snapshot);
	PG_RETURN_DATUM(makeArrayResult(array, CurrentMemoryContext));
}

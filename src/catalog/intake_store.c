/*
 * intake_store.c
 *		Events that somebody is still to take, as their table keeps them.
 *
 * Taken at one snapshot: of events of a topic none is left that has committed
 * before one that is taken.  Without SQL, because it is done for a few events at a
 * time, many times a second.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration.h"
#include "src/catalog/intake_store.h"
#include "src/catalog/statement.h"
#include "src/ipc/unflushed.h"

#define BYTES_MAX (8 * 1024 * 1024) /* of data, taken at once, beyond the first event */
#define BEGINNINGS 64			/* that are remembered */
#define NAME_LEN 256			/* of a path, with its end */

/*
 * Before which event of a path there is none and will be none.  What was there is
 * gone, but its index entries stay as long as somebody may see them, and need not
 * be looked through each time.
 *
 * Who publishes has a transaction id before it gets its number.  So when all have
 * ended that had one when an event was the first to be seen, who looks sees all that
 * come before it, and none will come later.
 */
typedef struct Beginning
{
	char		path[NAME_LEN];
	Oid			table;
	uint64		declarations;	/* their version: what is restored may begin anew */
	int64		id;
	int64		next_id;		/* of an event that was first; 0 = none */
	TransactionId next_xid;		/* the first that had not begun then */
} Beginning;

static Beginning beginnings[BEGINNINGS];

/* Of another path, it begins with the first number. */
static Beginning *
find_beginning(const char *path, Oid table)
{
	Beginning  *beginning = &beginnings[hash_bytes((const unsigned char *) path,
												   (int) strlen(path)) % BEGINNINGS];

	if (strcmp(beginning->path, path) == 0 && beginning->table == table &&
		beginning->declarations == rt_declarations_version())
		return beginning;
	memset(beginning, 0, sizeof(Beginning));
	strlcpy(beginning->path, path, sizeof(beginning->path));
	beginning->table = table;
	beginning->declarations = rt_declarations_version();
	return beginning;
}

/*
 * The first event that a snapshot shows, PG_INT64_MAX if it shows none.  Only now
 * what comes before the one that was the first is either seen, or will never be.
 */
static void
note_first(Beginning *beginning, int64 id, Snapshot snapshot)
{
	if (beginning->next_id != 0 &&
		TransactionIdFollowsOrEquals(snapshot->xmin, beginning->next_xid))
	{
		beginning->id = Min(id, beginning->next_id);
		beginning->next_id = 0;
	}
	if (beginning->next_id == 0 && id != PG_INT64_MAX)
	{
		beginning->next_id = id;
		/* not xmax: who commits late may have that, or a later one */
		beginning->next_xid = ReadNextTransactionId();
	}
}

/* ---- taking ---- */

static char *
text_of(TupleTableSlot *slot, int anum)
{
	bool		is_null;

	return TextDatumGetCString(slot_getattr(slot, anum, &is_null));
}

static RtIntakeEvent *
make_event(TupleTableSlot *slot)
{
	RtIntakeEvent *event = palloc(sizeof(RtIntakeEvent));
	bool		is_null;

	event->topic = text_of(slot, Anum_intake_topic);
	event->event = text_of(slot, Anum_intake_event);
	event->data = text_of(slot, Anum_intake_data);
	event->published_at = DatumGetTimestampTz(slot_getattr(slot, Anum_intake_published_at, &is_null));
	return event;
}

/* False if somebody else has: its path is not declared any more. */
static bool
remove_row(Relation table, TupleTableSlot *slot)
{
	TM_FailureData failure;

	return table_tuple_delete(table, &slot->tts_tid, GetCurrentCommandId(true),
							  GetActiveSnapshot(), InvalidSnapshot, true, &failure,
							  false) == TM_Ok;
}

static void
set_keys(ScanKeyData *keys, const char *path, int64 from)
{
	ScanKeyEntryInitialize(&keys[0], 0, Anum_intake_path, BTEqualStrategyNumber, InvalidOid,
						   C_COLLATION_OID, F_TEXTEQ, CStringGetTextDatum(path));
	ScanKeyInit(&keys[1], Anum_intake_id, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(from));
}

static int64
id_of(TupleTableSlot *slot)
{
	bool		is_null;

	return DatumGetInt64(slot_getattr(slot, Anum_intake_id, &is_null));
}

static bool
is_before(TupleTableSlot *slot, TimestampTz time)
{
	bool		is_null;

	return DatumGetTimestampTz(slot_getattr(slot, Anum_intake_published_at, &is_null)) < time;
}

/* In the order of the index, and at one snapshot. */
static void
take_rows(Relation table, IndexScanDesc scan, TupleTableSlot *slot, RtIntakeTake *take,
		  Beginning *beginning)
{
	bool		any = false;
	int64		bytes = 0;

	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (!any)
			note_first(beginning, id_of(slot), GetActiveSnapshot());
		any = true;
		if (!is_before(slot, take->before) || !remove_row(table, slot))
			continue;
		take->events = lappend(take->events, make_event(slot));
		bytes += strlen(((RtIntakeEvent *) llast(take->events))->data);
		take->more = list_length(take->events) >= take->most || bytes >= BYTES_MAX;
		if (take->more)
			return;
	}
	if (!any)
		note_first(beginning, PG_INT64_MAX, GetActiveSnapshot());
}

void
rt_intake_take(RtIntakeTake *take)
{
	Relation	table = table_open(rt_intake_table(), RowExclusiveLock);
	Relation	index = index_open(rt_primary_key_index(table), AccessShareLock);
	Beginning  *beginning = find_beginning(take->path, RelationGetRelid(table));
	TupleTableSlot *slot = table_slot_create(table, NULL);
	IndexScanDesc scan;
	ScanKeyData keys[2];

	rt_unflushed_touch(RelationGetRelid(table));
	PushActiveSnapshot(GetTransactionSnapshot());
	set_keys(keys, take->path, beginning->id);
	scan = rt_index_beginscan(table, index, GetActiveSnapshot(), lengthof(keys));
	index_rescan(scan, keys, lengthof(keys), NULL, 0);
	take->events = NIL;
	take->more = false;
	take_rows(table, scan, slot, take, beginning);
	index_endscan(scan);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(table, NoLock);
}

void
rt_intake_forget_path(const char *path)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.intake WHERE path OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put_text(&statement, path);
	(void) rt_statement_run(&statement, rt_intake_table(), SPI_OK_DELETE);
}

void
rt_intake_forget_undeclared(void)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.intake i WHERE NOT EXISTS"
		" (SELECT FROM realtime.aggregate_declaration d WHERE d.path OPERATOR(pg_catalog.=) i.path)"
		" AND NOT EXISTS (SELECT FROM realtime.effect_declaration d WHERE d.path OPERATOR(pg_catalog.=) i.path)"
	};

	(void) rt_statement_run(&statement, rt_intake_table(), SPI_OK_DELETE);
}

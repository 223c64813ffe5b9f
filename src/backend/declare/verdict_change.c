/*
 * verdict_change.c
 *		Changes of declarations after which clients may see less than before.
 *
 * What is subscribed to by name can be asked again without anybody noticing.  Who
 * follows a path can only come back to be asked, which a declaration that changes
 * does not have everybody do.  Of streams and modules only another function that
 * decides counts: a declaration that is made again is a row that goes and one that
 * comes, and those that are alike in the columns that matter cancel each other out.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/rel.h"

#include "src/backend/after_commit.h"
#include "src/backend/declare/verdict_change.h"

#define GONE_MAX 256			/* in a transaction; more are taken for a change */

/* Of this transaction: what was there and is not, by its hash. */
static uint64 gone[GONE_MAX];
static int	gone_count = 0;
static bool touched = false;

static void on_subtransaction(SubXactEvent event, SubTransactionId id,
							  SubTransactionId parent, void *arg);
static void on_transaction(XactEvent event, void *arg);

void
rt_verdict_change_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	RegisterSubXactCallback(on_subtransaction, NULL);
}

static void
on_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT)
	{
		if (gone_count > 0)
			rt_after_commit_recheck(RT_RECHECK_NAMES);
	}
	else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
			 event == XACT_EVENT_PREPARE)
	{
		gone_count = 0;
		touched = false;
	}
}

/* What has come and gone again, or the other way round, is not worth knowing. */
static void
on_subtransaction(SubXactEvent event, SubTransactionId id, SubTransactionId parent,
				  void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && touched)
		rt_after_commit_recheck(RT_RECHECK_NAMES);
}

/* ---- rows ---- */

/* Of a column, 0 if the table has none of that name, or no value in it. */
static uint64
hash_of(Relation table, HeapTuple tuple, const char *name)
{
	TupleDesc	row = RelationGetDescr(table);
	int			number = SPI_fnumber(row, name);
	bool		is_null = true;
	Datum		value = 0;
	struct varlena *bytes;

	if (number > 0)
		value = heap_getattr(tuple, number, row, &is_null);
	if (is_null)
		return 0;
	if (TupleDescAttr(row, number - 1)->attbyval)
		return hash_bytes_uint32_extended((uint32) value, 1);
	bytes = PG_DETOAST_DATUM_PACKED(value);
	return hash_bytes_extended((unsigned char *) VARDATA_ANY(bytes),
							   VARSIZE_ANY_EXHDR(bytes), 1);
}

/* Of what lets clients in, and to what. */
static uint64
hash_row(Relation table, HeapTuple tuple)
{
	static const char *const columns[] = {
		"path", "module", "topic", "access", "gate", "guards", "authenticated"
	};
	uint64		hash = RelationGetRelid(table);

	for (size_t i = 0; i < lengthof(columns); i++)
		hash = hash_combine64(hash, hash_of(table, tuple, columns[i]));
	return hash;
}

static void
note_gone(uint64 hash)
{
	if (gone_count < GONE_MAX)
		gone[gone_count++] = hash;
	else
		rt_after_commit_recheck(RT_RECHECK_NAMES);
}

/* Returns whether it was there. */
static bool
note_come(uint64 hash)
{
	for (int i = 0; i < gone_count; i++)
	{
		if (gone[i] != hash)
			continue;
		gone[i] = gone[--gone_count];
		return true;
	}
	return false;
}

/* A module's guards are for paths that were there before; other rows bring their own. */
static void
note_row_come(Relation table, HeapTuple tuple, bool of_module)
{
	if (!note_come(hash_row(table, tuple)) && of_module)
		rt_after_commit_recheck(RT_RECHECK_NAMES);
}

static void
note_row(const TriggerData *trigger, bool of_module)
{
	Relation	table = trigger->tg_relation;

	touched = true;
	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		rt_after_commit_recheck(RT_RECHECK_NAMES);
	else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		note_row_come(table, trigger->tg_trigtuple, of_module);
	else
	{
		note_gone(hash_row(table, trigger->tg_trigtuple));
		if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
			note_row_come(table, trigger->tg_newtuple, of_module);
	}
}

void
rt_verdict_change_note(const TriggerData *trigger)
{
	const char *table = RelationGetRelationName(trigger->tg_relation);
	bool		of_module = strcmp(table, "guard_declaration") == 0;

	if (strcmp(table, "topic_declaration") == 0 || strcmp(table, "hook_declaration") == 0)
		rt_after_commit_recheck(RT_RECHECK_NAMES);
	else if (of_module || strcmp(table, "stream_declaration") == 0)
		note_row(trigger, of_module);
}

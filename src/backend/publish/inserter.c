/*
 * inserter.c
 *		Puts rows into a table and its indexes, without SQL.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "utils/memutils.h"

#include "src/backend/publish/inserter.h"

#define BATCH_ROWS 200			/* inserted at once, at most */
#define BATCH_BYTES (64 * 1024)

struct RtInserter
{
	Relation	table;
	ResultRelInfo *target;		/* the table with all its indexes */
	EState	   *estate;
	MemoryContext values;		/* of the rows to be inserted */
	TupleTableSlot *slots[BATCH_ROWS];	/* made when needed */
	int			row_count;		/* in the slots */
	Size		row_bytes;
};

RtInserter *
rt_inserter_begin(Relation table)
{
	RtInserter *inserter = palloc0(sizeof(RtInserter));

	inserter->table = table;
	inserter->values = AllocSetContextCreate(CurrentMemoryContext, "realtime rows to insert",
											 ALLOCSET_DEFAULT_SIZES);
	inserter->target = makeNode(ResultRelInfo);
	InitResultRelInfo(inserter->target, table, 1, NULL, 0);
	ExecOpenIndices(inserter->target, false);
	inserter->estate = CreateExecutorState();
	return inserter;
}

const ResultRelInfo *
rt_inserter_target(const RtInserter *inserter)
{
	return inserter->target;
}

MemoryContext
rt_inserter_values(const RtInserter *inserter)
{
	return inserter->values;
}

TupleTableSlot *
rt_inserter_slot(RtInserter *inserter)
{
	TupleTableSlot **slot = &inserter->slots[inserter->row_count];

	if (*slot == NULL)
		*slot = table_slot_create(inserter->table, NULL);
	else
		ExecClearTuple(*slot);
	return *slot;
}

void
rt_inserter_add(RtInserter *inserter, Size bytes)
{
	ExecStoreVirtualTuple(inserter->slots[inserter->row_count]);
	inserter->row_count++;
	inserter->row_bytes += bytes;
	if (inserter->row_count == BATCH_ROWS || inserter->row_bytes > BATCH_BYTES)
		rt_inserter_flush(inserter);
}

static void
insert_into_indexes(RtInserter *inserter, TupleTableSlot *slot)
{
	ExprContext *expressions = GetPerTupleExprContext(inserter->estate);

	expressions->ecxt_scantuple = slot;
	list_free(rt_insert_index_tuples(inserter->target, slot, inserter->estate));
	ResetPerTupleExprContext(inserter->estate);
}

void
rt_inserter_flush(RtInserter *inserter)
{
	int			count = inserter->row_count;
	CommandId	command = GetCurrentCommandId(true);

	if (count == 1)
		table_tuple_insert(inserter->table, inserter->slots[0], command, 0, NULL);
	else if (count > 1)
		table_multi_insert(inserter->table, inserter->slots, count, command, 0, NULL);
	for (int i = 0; i < count; i++)
	{
		insert_into_indexes(inserter, inserter->slots[i]);
		ExecClearTuple(inserter->slots[i]);
	}
	inserter->row_count = 0;
	inserter->row_bytes = 0;
	MemoryContextReset(inserter->values);
}

void
rt_inserter_end(RtInserter *inserter)
{
	for (int i = 0; i < BATCH_ROWS && inserter->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(inserter->slots[i]);
	FreeExecutorState(inserter->estate);
	ExecCloseIndices(inserter->target);
}

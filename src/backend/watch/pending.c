/*
 * pending.c
 *		What the current transaction has changed in watched tables.
 *
 * Changes are kept as they will lie in the ring.  For each there is a note, so that a rolled-back savepoint can take back what
 * its changes have counted: the tables know how many of their rows are told, and
 * whether that was given up.
 *
 * At most: realtime.query_changes_max rows of a table, BYTES_MAX of all tables,
 * then one entry for each further table, and when these are too many, one for
 * everything.  BYTES_MAX is a part of the ring, so one transaction overruns
 * nobody.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "src/backend/txn_stack.h"
#include "src/backend/watch/pending.h"
#include "src/guc.h"
#include "src/ipc/commit_slot.h"
#include "src/ipc/request_queue.h"

#define BUFFER_MIN 1024			/* bytes */
#define COUNT_MIN 16			/* notes, tables */
#define ENTRY_MIN rt_change_header_size(0)

/* Of a quarter of the ring half is for rows, the rest for entries without rows. */
#define BYTES_MAX (rt_change_ring_capacity() / 2)
#define ROW_BYTES_MAX (BYTES_MAX / 2)

/* A table in which this transaction has changed something. */
typedef struct Table
{
	Oid			relation;
	int			rows;			/* that are told */
	bool		any;			/* or that anything may have changed */
} Table;

/* An entry of the buffer. */
typedef struct Note
{
	Size		begin;
	int			table;			/* -1 = everything */
	bool		any;
} Note;

typedef struct Pending
{
	char	   *buffer;			/* whole entries */
	Size		size;
	Size		space;
	Note	   *notes;
	int			note_count;
	int			note_space;
	Table	   *tables;
	int			table_count;
	int			table_space;
	bool		everything;
} Pending;

static void on_transaction(XactEvent event, void *arg);
static void cut_notes(uint64 count);
static void precommit(void);
static void atcommit(void);
static void preprepare(void);
static void forget(void);

static Pending pending;
static uint64 transaction = 1;	/* counts them */
static TransactionId prepared = InvalidTransactionId;	/* noted, not yet so */
static RtTxnStack notes = {.cut = cut_notes};

void
rt_watch_pending_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	rt_txn_stack_install(&notes);
}

/* ---- memory ---- */

/* Room for one more in an array of the transaction. */
static void *
grow(void *array, int count, int *space, Size size)
{
	if (array == NULL)
	{
		*space = COUNT_MIN;
		return MemoryContextAlloc(TopTransactionContext, size * *space);
	}
	if (count < *space)
		return array;
	*space *= 2;
	return repalloc_huge(array, size * *space);
}

static void
make_room(Size more)
{
	Size		space = Max(pending.space, BUFFER_MIN);

	if (pending.space - pending.size >= more)
		return;
	while (space - pending.size < more)
		space *= 2;
	if (pending.buffer == NULL)
		pending.buffer = MemoryContextAlloc(TopTransactionContext, space);
	else
		pending.buffer = repalloc_huge(pending.buffer, space);
	pending.space = space;
}

/* ---- tables ---- */

static int
find_table(Oid relation)
{
	for (int i = 0; i < pending.table_count; i++)
	{
		if (pending.tables[i].relation == relation)
			return i;
	}
	pending.tables = grow(pending.tables, pending.table_count,
						  &pending.table_space, sizeof(Table));
	pending.tables[pending.table_count] = (Table) {.relation = relation};
	return pending.table_count++;
}

static Table *
table_of(RtWatchedTable *watched)
{
	if (watched->transaction != transaction)
	{
		watched->index = find_table(watched->relation);
		watched->transaction = transaction;
	}
	return &pending.tables[watched->index];
}

/* ---- adding ---- */

/* The next entry, which is noted; its members but size and xid are the caller's. */
static RtChange *
begin_entry(Size size, int table, bool any)
{
	RtChange   *entry;

	make_room(size);
	pending.notes = grow(pending.notes, pending.note_count,
						 &pending.note_space, sizeof(Note));
	rt_txn_stack_note(&notes, pending.note_count);

	pending.notes[pending.note_count++] = (Note) {pending.size, table, any};
	entry = (RtChange *) (pending.buffer + pending.size);
	memset(entry, 0, size);
	entry->size = size;
	entry->xid = GetTopTransactionId();
	pending.size += size;
	return entry;
}

void
rt_watch_add_everything(void)
{
	if (pending.everything)
		return;
	begin_entry(ENTRY_MIN, -1, true)->flags = RT_CHANGE_EVERYTHING;
	pending.everything = true;
}

void
rt_watch_add_any(RtWatchedTable *watched)
{
	Table	   *table = table_of(watched);
	RtChange   *entry;

	if (pending.everything || table->any)
		return;
	if (pending.size + 2 * ENTRY_MIN > BYTES_MAX)
	{
		rt_watch_add_everything();
		return;
	}
	entry = begin_entry(ENTRY_MIN, watched->index, true);
	entry->relation = entry->row_relation = watched->relation;
	entry->flags = RT_CHANGE_ANY;
	table->any = true;
}

bool
rt_watch_wants_rows(RtWatchedTable *watched)
{
	Table	   *table;

	if (pending.everything)
		return false;
	table = table_of(watched);
	if (table->any)
		return false;
	if (table->rows < realtime_query_changes_max && rt_changes_are_wanted())
		return true;
	rt_watch_add_any(watched);
	return false;
}

static Size
image_size(MinimalTuple image)
{
	return image != NULL ? MAXALIGN(image->t_len) : 0;
}

void
rt_watch_add_row(RtWatchedTable *watched, const RtChange *change,
				 const RtChangeColumn *columns,
				 MinimalTuple old_image, MinimalTuple new_image)
{
	Size		header = MAXALIGN(rt_change_header_size(change->column_count));
	Size		size = header + image_size(old_image) + image_size(new_image);
	RtChange   *entry;

	if (pending.size + size > ROW_BYTES_MAX)
	{
		rt_watch_add_any(watched);
		return;
	}
	entry = begin_entry(size, watched->index, false);
	entry->relation = change->relation;
	entry->row_relation = change->row_relation;
	entry->flags = change->flags;
	entry->column_count = change->column_count;
	memcpy(rt_change_columns(entry), columns,
		   change->column_count * sizeof(RtChangeColumn));
	if (old_image != NULL)
		memcpy((char *) entry + header, old_image, old_image->t_len);
	if (new_image != NULL)
		memcpy((char *) entry + header + image_size(old_image), new_image,
			   new_image->t_len);
	pending.tables[watched->index].rows++;
}

/* ---- life of the transaction ---- */

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (pending.size > 0)
				precommit();
			break;
		case XACT_EVENT_COMMIT:
			atcommit();
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (pending.size > 0)
				preprepare();
			break;
		case XACT_EVENT_PREPARE:
			prepared = InvalidTransactionId;
			forget();
			break;
		case XACT_EVENT_ABORT:
			if (TransactionIdIsValid(prepared))
				rt_changes_forget_prepared(prepared);
			prepared = InvalidTransactionId;
			if (pending.size > 0)
				rt_commit_slot_clear();
			forget();
			break;
		default:
			break;
	}
}

static void
cut_notes(uint64 count)
{
	while (pending.note_count > count)
	{
		const Note *note = &pending.notes[--pending.note_count];

		pending.size = note->begin;
		if (note->table < 0)
			pending.everything = false;
		else if (note->any)
			pending.tables[note->table].any = false;
		else
			pending.tables[note->table].rows--;
	}
}

/* Whether another entry says more. */
static bool
is_covered(const Note *note)
{
	if (note->table < 0)
		return false;
	return pending.everything ||
		(!note->any && pending.tables[note->table].any);
}

/* Takes out what is covered. */
static void
close_gaps(void)
{
	Size		size = 0;
	int			kept = 0;

	for (int i = 0; i < pending.note_count; i++)
	{
		Note		note = pending.notes[i];
		const RtChange *entry = (RtChange *) (pending.buffer + note.begin);
		Size		entry_size = entry->size;

		if (is_covered(&note))
			continue;
		if (size != note.begin)
			memmove(pending.buffer + size, entry, entry_size);
		note.begin = size;
		pending.notes[kept++] = note;
		size += entry_size;
	}
	pending.size = size;
	pending.note_count = kept;
}

static void
precommit(void)
{
	close_gaps();
	rt_commit_slot_set(GetTopTransactionId());
}

static void
atcommit(void)
{
	if (pending.size > 0)
	{
		bool		wanted = rt_changes_append(pending.buffer, pending.size);

		/* who is woken waits for it, with this process's processor perhaps */
		rt_commit_slot_clear();
		if (wanted)
			rt_round_want();
	}
	forget();
}

static void
preprepare(void)
{
	TransactionId xid = GetTopTransactionId();

	rt_changes_note_prepared(xid);
	prepared = xid;
}

/* The memory goes with the transaction. */
static void
forget(void)
{
	memset(&pending, 0, sizeof(pending));
	transaction++;
}

/*
 * verdict_change.c
 *		Changes of declarations after which somebody may perhaps see less.
 *
 * Names of topics are asked about again after each of them that is about topics.
 * Who follows a stream has to ask for it anew, so that is done only when something
 * is another one now that decides about it: a declaration that says the same once
 * more, as whoever runs his scripts again does, is of no concern to anybody.
 *
 * Streams are declared by removing a row and putting another one in its place.  So
 * what has been removed is kept until the commit, with what has decided, or until
 * a row comes that says the same.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "src/backend/after_commit.h"
#include "src/backend/declare/verdict_change.h"
#include "src/catalog/declaration.h"
#include "src/catalog/declaration_table.h"

/* Columns that decide who may follow a path, and what that is. */
static const int stream_columns[] = {
	Anum_stream_topic, Anum_stream_loader, Anum_stream_access, Anum_stream_gate,
	Anum_stream_guards, Anum_stream_transform, Anum_stream_topic_by,
	Anum_stream_is_room, 0
};
static const int query_columns[] = {
	Anum_query_sql, Anum_query_loader, Anum_query_access, Anum_query_guards,
	Anum_query_transform, 0
};
static const int pipe_columns[] = {
	Anum_pipe_kinds, Anum_pipe_functions, Anum_pipe_fields, Anum_pipe_options,
	Anum_pipe_live, 0
};
static const int module_columns[] = {Anum_guard_guards, Anum_guard_authenticated, 0};
static const int middleware_columns[] = {Anum_middleware_function, 0};

typedef struct DecidingTable
{
	const char *name;
	const int  *columns;		/* NULL = it is about names only.  The first one of
								 * the table is its key */
	bool		has_paths;		/* that key is a path; else any may be concerned */
	bool		removal_decides;
	bool		addition_decides;	/* it is about a path that is there already */
} DecidingTable;

static const DecidingTable tables[] = {
	{RT_STREAM_TABLE, stream_columns, true, true, false},
	{RT_QUERY_TABLE, query_columns, true, true, false},
	{RT_PIPE_TABLE, pipe_columns, true, true, true},
	{RT_GUARD_TABLE, module_columns, false, false, true},
	{RT_MIDDLEWARE_TABLE, middleware_columns, false, false, true},
	{RT_TOPIC_TABLE, NULL, false, false, false},
	{RT_HOOK_TABLE, NULL, false, false, false}
};

/* A row that this transaction has removed. */
typedef struct Removed
{
	char	   *decides;		/* its columns, with its key */
	SubTransactionId subtransaction;
	RtRecheck	what;			/* if it stays away */
} Removed;

static List *removed = NIL;		/* in TopTransactionContext */

static void
ask_again(RtRecheckScope scope)
{
	rt_after_commit_recheck((RtRecheck) {scope, 0});
}

/* ---- rows ---- */

static char *
decides(const TriggerData *trigger, HeapTuple row, const DecidingTable *table)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s %s", table->name, SPI_getvalue(row, desc, 1));
	for (const int *column = table->columns; *column != 0; column++)
	{
		const char *value = SPI_getvalue(row, desc, *column);

		if (value == NULL)
			appendStringInfoString(&text, "\n-");
		else
			appendStringInfo(&text, "\n%zu %s", strlen(value), value);
	}
	return text.data;
}

/* Paths of a room are below its own; and whose pipe it is is not in its row. */
static bool
has_more_paths(const TriggerData *trigger, HeapTuple row, const DecidingTable *table)
{
	bool		isnull;

	if (table->columns == pipe_columns)
	{
		char	   *data = psprintf("%s/__data", SPI_getvalue(row, RelationGetDescr(trigger->tg_relation), 1));

		return rt_declarations_refresh() && rt_declaration_stream(data, strlen(data)) != NULL;
	}
	return table->columns == stream_columns &&
		DatumGetBool(heap_getattr(row, Anum_stream_is_room,
								  RelationGetDescr(trigger->tg_relation), &isnull));
}

static RtRecheck
streams_of(const TriggerData *trigger, HeapTuple row, const DecidingTable *table)
{
	RtRecheck	what = {RT_RECHECK_STREAMS, 0};
	char	   *key = SPI_getvalue(row, RelationGetDescr(trigger->tg_relation), 1);

	if (table->has_paths && !has_more_paths(trigger, row, table))
		what.path_hash = rt_recheck_path_hash(key, strlen(key));
	return what;
}

static void
note_removed(const TriggerData *trigger, HeapTuple row, const DecidingTable *table)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Removed    *entry = palloc(sizeof(Removed));

	entry->decides = decides(trigger, row, table);
	entry->subtransaction = GetCurrentSubTransactionId();
	entry->what = streams_of(trigger, row, table);
	if (!table->removal_decides)
		entry->what.scope = RT_RECHECK_NAMES;
	removed = lappend(removed, entry);
	MemoryContextSwitchTo(old);
}

/*
 * Whether it says the same as one that has been removed, which is of no concern
 * then.  Not if one of the two can be rolled back without the other.
 */
static bool
replaces_removed(const char *text)
{
	ListCell   *cell;

	foreach(cell, removed)
	{
		Removed    *entry = lfirst(cell);

		if (entry->subtransaction != GetCurrentSubTransactionId() ||
			strcmp(entry->decides, text) != 0)
			continue;
		removed = foreach_delete_current(removed, cell);
		return true;
	}
	return false;
}

/* A new path takes nothing away; what surrounds others, or belongs to one, may. */
static void
note_added(const TriggerData *trigger, HeapTuple row, const DecidingTable *table)
{
	if (!replaces_removed(decides(trigger, row, table)) && table->addition_decides)
		rt_after_commit_recheck(streams_of(trigger, row, table));
}

static const DecidingTable *
find_table(const TriggerData *trigger)
{
	for (size_t i = 0; i < lengthof(tables); i++)
	{
		if (strcmp(tables[i].name, RelationGetRelationName(trigger->tg_relation)) == 0)
			return &tables[i];
	}
	return NULL;
}

void
rt_verdict_change_note(const TriggerData *trigger)
{
	const DecidingTable *table = find_table(trigger);

	if (table == NULL)
		return;
	if (table->columns == NULL)
		ask_again(RT_RECHECK_NAMES);
	else if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
		ask_again(table->removal_decides ? RT_RECHECK_STREAMS : RT_RECHECK_NAMES);
	else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		note_added(trigger, trigger->tg_trigtuple, table);
	else
	{
		note_removed(trigger, trigger->tg_trigtuple, table);
		if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
			note_added(trigger, trigger->tg_newtuple, table);
	}
}

/* ---- functions ---- */

static bool
decides_about_streams(const RtFunctionReference *reference)
{
	static const char *const purposes[] = {"access function", "gate", "guard", "topic_by function", "function"};

	if (strcmp(reference->kind, "topic") == 0 || strcmp(reference->kind, "rpc") == 0 ||
		strcmp(reference->kind, "hook") == 0)
		return false;
	for (size_t i = 0; i < lengthof(purposes); i++)
	{
		if (strcmp(reference->purpose, purposes[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_of_path(const RtFunctionReference *reference)
{
	return strcmp(reference->kind, "stream") == 0 ||
		strcmp(reference->kind, "channel") == 0 || strcmp(reference->kind, "query") == 0;
}

static bool
has_name(Oid function, const char *name)
{
	char	   *own = OidIsValid(function) ? get_func_name(function) : NULL;

	return own != NULL && strcmp(own, name) == 0;
}

RtRecheck
rt_verdict_change_of_function(const char *name)
{
	RtRecheck	what = {RT_RECHECK_NAMES, 0};
	const RtFunctionReference *references;
	int			count;

	if (!rt_declarations_refresh())
		return what;
	references = rt_declaration_references(&count);
	for (int i = 0; i < count; i++)
	{
		const RtFunctionReference *reference = &references[i];
		RtRecheck	streams = {RT_RECHECK_STREAMS, 0};

		if (!decides_about_streams(reference) || !has_name(reference->function, name))
			continue;
		if (is_of_path(reference))
			streams.path_hash = rt_recheck_path_hash(reference->declaration,
													 strlen(reference->declaration));
		what = rt_recheck_join(what, streams);
	}
	return what;
}

/* ---- the end of the transaction ---- */

static void
on_transaction(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (event == XACT_EVENT_PRE_COMMIT)
	{
		foreach(cell, removed)
			rt_after_commit_recheck(((Removed *) lfirst(cell))->what);
	}
	removed = NIL;
}

void
rt_verdict_change_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
}

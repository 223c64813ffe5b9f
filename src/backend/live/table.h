/*
 * table.h
 *		Tables whose changes are published.
 */
#ifndef RT_BACKEND_LIVE_TABLE_H
#define RT_BACKEND_LIVE_TABLE_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "utils/rel.h"

#include "src/backend/command.h"

/* Triggers are called by name: these come before all in lower-case letters. */
#define RT_LIVE_TRIGGER "__realtime_live_table"
#define RT_LIVE_TRUNCATE_TRIGGER "__realtime_live_table_truncate"
#define RT_LIVE_FUNCTION "live_table_changed"

/* What is declared for a live table. */
typedef struct RtLiveTable
{
	char	   *topic;			/* template */
	char	   *key;			/* NULL = to be found */
	List	   *columns;		/* of char *; NIL = all */
	bool		always;			/* also where replication is applied */
} RtLiveTable;

/* Installs all callbacks of live tables; once, from rt_backend_install(). */
extern void rt_live_table_install(void);

/* The trigger of ours for rows, or for TRUNCATE, of a relation, or NULL. */
extern const Trigger *rt_live_row_trigger(Relation relation);
extern const Trigger *rt_live_truncate_trigger(Relation relation);

/* Removes the live table of that name, if it is one; returns whether it was. */
extern bool rt_live_table_drop(const char *name);

/* Of ddl.c */
extern const RtCommandWatcher rt_live_watcher;

/* Publishes that all rows are gone that had topics of a template. */
extern void rt_live_truncated(const char *tpl);

/* ERROR for what cannot be a live table (check.c). */
extern void rt_live_check_relation(Relation relation);

/* Checks what is declared and finds the key.  Relation is open and locked. */
extern void rt_live_check_table(Relation relation, RtLiveTable *table);

#endif							/* RT_BACKEND_LIVE_TABLE_H */

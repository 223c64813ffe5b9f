/*
 * watch.h
 *		Tables whose changes are noted because live queries read them.
 */
#ifndef RT_BACKEND_WATCH_WATCH_H
#define RT_BACKEND_WATCH_WATCH_H

#include "src/compat.h"

#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "src/backend/command.h"

/* Registers all callbacks of this room; once, from rt_backend_install(). */
extern void rt_watch_install(void);

/*
 * The triggers of a watched table.  Arguments of that for rows are the names of
 * the columns that queries look at.
 */
#define RT_WATCH_TRIGGER "__realtime_query"
#define RT_WATCH_TRUNCATE_TRIGGER "__realtime_query_truncate"
#define RT_WATCH_FUNCTION "query_table_changed"

/* The trigger of ours for rows of a relation, or NULL. */
extern const Trigger *rt_watch_row_trigger(Relation relation);

/* ERROR unless the user may have triggers made on a table. */
extern void rt_watch_check_consent(Oid relation);

/*
 * Makes and drops triggers, so that they are as the declared queries need them.
 * The user has locked the table of queries, or does not change it.
 */
extern void rt_watch_keep(void);

/*
 * Drops those of a table, which may be about to get those of another one; or that
 * of a name, if name is not NULL.
 */
extern void rt_watch_release(Oid relation, const char *name);

/* Of ddl.c */
extern const RtCommandWatcher rt_watch_watcher;

#endif							/* RT_BACKEND_WATCH_WATCH_H */

/*
 * wanted.h
 *		Which tables live queries read, and which columns of them.
 */
#ifndef RT_BACKEND_WATCH_WANTED_H
#define RT_BACKEND_WATCH_WANTED_H

#include "nodes/pg_list.h"

#include "src/query/analysis.h"

/* A table that has to have our triggers. */
typedef struct RtWanted
{
	Oid			relation;
	List	   *told;			/* names of columns, of char *, sorted */
	List	   *compared;		/* columns that only have to differ, likewise */
} RtWanted;

/*
 * The tables of all declared queries, a list of RtWanted.  Partitions belong to
 * a table above them that is read as well; heirs of a table have triggers of
 * their own.  *complete is false if some query could not be looked at, because
 * something is gone that it needs, or the user may not see it.
 */
extern List *rt_wanted_tables(bool *complete);

/* Columns that it has to have besides. */
extern void rt_wanted_add(RtWanted *wanted, const List *told, const List *compared);

#endif							/* RT_BACKEND_WATCH_WANTED_H */

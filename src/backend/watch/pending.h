/*
 * pending.h
 *		What the current transaction has changed in watched tables.
 *
 * A table is watched if a live query reads it.  Changes go to the change ring
 * (src/ipc/change_ring.h) when the transaction commits, and go with their
 * savepoint.  Nothing here refuses anything: of what is too much no more is said
 * than that any row of the table may have changed.
 */
#ifndef RT_BACKEND_WATCH_PENDING_H
#define RT_BACKEND_WATCH_PENDING_H

#include "src/ipc/change_ring.h"

/* Registers the transaction callbacks; once, from rt_watch_install(). */
extern void rt_watch_pending_install(void);

/* A watched table, as this transaction knows it; one for each place that asks. */
typedef struct RtWatchedTable
{
	Oid			relation;
	uint64		transaction;	/* to which index belongs */
	int			index;
} RtWatchedTable;

/*
 * Whether it is of any use to say more of a table.  If nobody listens it is
 * enough to know that anything may have changed.
 */
extern bool rt_watch_wants_rows(RtWatchedTable *table);

/*
 * The change of a row, if that is wanted.  change has all members but size and
 * xid, images are what its flags say.
 */
extern void rt_watch_add_row(RtWatchedTable *table, const RtChange *change,
							 const RtChangeColumn *columns,
							 MinimalTuple old_image, MinimalTuple new_image);

/* Any row of the table may have changed; of any table. */
extern void rt_watch_add_any(RtWatchedTable *table);
extern void rt_watch_add_everything(void);

#endif							/* RT_BACKEND_WATCH_PENDING_H */

/*
 * unflushed.h
 *		Commits that others can see before they are durable.
 *
 * A commit that does not wait (synchronous_commit = off, calls that share a
 * flush, sessions that let go of a topic early) is visible at once.  Nobody
 * may tell a client of it before it is durable, or a crash would take back what
 * the client knows.
 *
 * Who commits so announces it before the commit record is written, and says
 * afterwards where that ends.  Who tells asks what it may have seen, after its
 * last snapshot: if a commit is announced anything up to the log's end, else
 * what ended last.  Who commits as usual does nothing.
 *
 * Standbys may take for ever.  So of the commits that they have to confirm it
 * is kept which tables they have touched: who has not touched the same need not
 * wait for standbys.
 */
#ifndef RT_IPC_UNFLUSHED_H
#define RT_IPC_UNFLUSHED_H

#include "src/ipc/durability.h"

extern Size rt_unflushed_size(void);
extern void rt_unflushed_init(void);

/* This transaction reads or writes a table, or perhaps any of them. */
extern void rt_unflushed_touch(Oid table);
extern void rt_unflushed_touch_all(void);
extern void rt_unflushed_forget_touched(void);

/*
 * This transaction tells numbers of events, from the table that they are in:
 * whatever synchronous_commit is, not before they are durable.  take says
 * whether it has, and forgets it.
 */
extern void rt_unflushed_note_numbers(Oid table);
extern bool rt_unflushed_take_numbers(void);

/*
 * This transaction will commit without waiting; mode is that of the standbys
 * which have to confirm it.  It touches nothing from now on, and is followed by
 * one of the other two.  None of the three fails, waits or allocates.
 */
extern void rt_unflushed_announce(int mode);
extern void rt_unflushed_committed(XLogRecPtr lsn);
extern void rt_unflushed_aborted(void);

/*
 * What this transaction may have seen so far and is not durable, but for what
 * it does itself.
 */
extern RtDurability rt_unflushed_seen(void);

/*
 * Between a transaction that commits without waiting because its process sees
 * to the flush itself, a little later, and what it publishes.  waits is set
 * from PRE_COMMIT to the end of the transaction: the process will wait, in that
 * mode.  published is how far the log must be flushed for the events.
 */
typedef struct RtOwnFlush
{
	bool		waits;
	int			mode;
	XLogRecPtr	published;
} RtOwnFlush;

extern RtOwnFlush rt_own_flush;

#endif							/* RT_IPC_UNFLUSHED_H */

/*
 * durability.h
 *		What must be durable before something is told, and how far it is.
 *
 * Durable is what a crash of this server does not take back: the log is flushed
 * up to a position.  A commit that asks for synchronous standbys is durable
 * when they have confirmed it, too, each in its mode (SYNC_REP_WAIT_*).
 */
#ifndef RT_IPC_DURABILITY_H
#define RT_IPC_DURABILITY_H

#include "src/compat.h"

#include "access/xlogdefs.h"
#include "replication/syncrep.h"

/* What must be. */
typedef struct RtDurability
{
	XLogRecPtr	lsn;			/* up to here; 0 = nothing */
	int			mode;			/* at standbys as well, or SYNC_REP_NO_WAIT */
} RtDurability;

#define RT_DURABLE ((RtDurability) {InvalidXLogRecPtr, SYNC_REP_NO_WAIT})

/* What is, at some moment. */
typedef struct RtDurable
{
	XLogRecPtr	flushed;
	XLogRecPtr	confirmed[NUM_SYNC_REP_WAIT_MODE];	/* PG_UINT64_MAX = nobody is
													 * asked */
} RtDurable;

/* Not while the server is in recovery. */
extern void rt_durable_look(RtDurable *durable);

static inline bool
rt_durable_has(const RtDurable *durable, RtDurability needed)
{
	return needed.lsn <= durable->flushed &&
		(needed.mode == SYNC_REP_NO_WAIT ||
		 needed.lsn <= durable->confirmed[needed.mode]);
}

/* The same, by looking now. */
extern bool rt_is_durable(RtDurability needed);

/* What needs both. */
extern RtDurability rt_durability_sum(RtDurability a, RtDurability b);

/* Whether any commit waits for standbys, as it is configured now. */
extern bool rt_standbys_are_asked(void);

/* The mode that a commit at a level of synchronous_commit asks for. */
extern int	rt_standby_mode(int level);

#endif							/* RT_IPC_DURABILITY_H */

/*
 * commit_slot.h
 *		Who commits and has not yet told what it has changed.
 *
 * A commit can be seen a little before its changes are in their ring.  Each
 * backend says so in a slot of its own: set before the commit, cleared when
 * the changes are there.  Who has taken a snapshot waits until none of those
 * that are visible in it is left in a slot: then the ring has all that the
 * snapshot shows.
 */
#ifndef RT_IPC_COMMIT_SLOT_H
#define RT_IPC_COMMIT_SLOT_H

#include "src/compat.h"

#include "utils/snapshot.h"

extern Size rt_commit_slots_size(void);
extern void rt_commit_slots_init(void);

/*
 * Before the commit of a transaction, whose top-level id it is, and after it, or
 * its abort.  Neither fails, waits or allocates; clear may be called at any time.
 */
extern void rt_commit_slot_set(TransactionId xid);
extern void rt_commit_slot_clear(void);

/*
 * Returns when all transactions have cleared their slots that the snapshot
 * shows.  A matter of microseconds: these are neither flushing their commit nor
 * waiting for standbys, which comes before it can be seen.
 */
extern void rt_commit_slots_wait(Snapshot snapshot);

#endif							/* RT_IPC_COMMIT_SLOT_H */

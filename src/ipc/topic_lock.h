/*
 * topic_lock.h
 *		The locks that put commits on topics in order.
 *
 * Heavyweight, per database, kept to the end of the transaction.  A topic's
 * lock is that of its partition.  Who publishes holds it exclusively from
 * PRE_COMMIT until its entries are in the ring, so whoever gets it next sees
 * all that was committed before and in the ring.
 *
 * Several are taken in ascending order of partition, and the epoch's after
 * all of them, by everybody: then none of us can deadlock with another.
 */
#ifndef RT_IPC_TOPIC_LOCK_H
#define RT_IPC_TOPIC_LOCK_H

#include "src/compat.h"

#include "storage/lockdefs.h"

#include "src/ipc/publish_ring.h"

/* Waits, with interrupts and lock_timeout. */
extern void rt_partition_lock(uint32 partition, LOCKMODE mode);

/* The same; an ERROR after so long, for who must not wait for one that is stuck. */
extern void rt_partition_lock_for(uint32 partition, LOCKMODE mode, int wait_ms);

/* The same; returns false if somebody had it, or wanted it before us. */
extern bool rt_partition_lock_was_free(uint32 partition, LOCKMODE mode);

/* Before the end of the transaction: for who has only looked. */
extern void rt_partition_unlock(uint32 partition, LOCKMODE mode);

/* Does not wait; returns false if somebody holds it. */
extern bool rt_partition_try_lock(uint32 partition, LOCKMODE mode);

/*
 * Takes no lock, and so needs no room for one: waits until nobody who holds one of
 * those of partitions, from first to before end, exclusively now does so any more.  Who comes later is
 * not waited for.  Returns false after so long.
 */
extern bool rt_partitions_await(uint32 first, uint32 end, int wait_ms);

#define rt_topic_lock(topic_hash, mode) \
	rt_partition_lock(rt_topic_partition(topic_hash), (mode))

/* For whoever raises the epoch of the numbers. */
extern void rt_epoch_lock(void);

#endif							/* RT_IPC_TOPIC_LOCK_H */

/*
 * flush_request.h
 *		Flushes that somebody else does, and who waits for them.
 *
 * A session that commits without a flush (synchronous_commit = off) leaves it
 * to the WAL writer, which may take its time, and an executor that is stuck in
 * a call cannot flush what it has committed before.  What clients are to be
 * told of such commits waits: so the launcher flushes them.
 *
 * Gateways wait for flushes: with their events and answers.  Whoever has
 * flushed for others wakes those that wait.
 */
#ifndef RT_IPC_FLUSH_REQUEST_H
#define RT_IPC_FLUSH_REQUEST_H

#include "src/compat.h"

#include "access/xlogdefs.h"

extern Size rt_flush_request_size(void);
extern void rt_flush_request_init(void);

/*
 * Has the launcher flush the log up to lsn and wake who waits for it.  Never
 * fails, waits or allocates; may be called in a signal handler.
 */
extern void rt_flush_request(XLogRecPtr lsn);

/* How far the log is wanted flushed; 0 = nobody has asked yet. */
extern XLogRecPtr rt_flush_requested(void);

/*
 * A gateway says that it waits for a flush, then looks how far the log is
 * flushed, and only then sleeps.
 */
extern void rt_flush_set_waiting(int gateway, bool waits);

/* Wakes the gateways that wait.  After a flush, on behalf of others. */
extern void rt_flush_wake_waiting(void);

#endif							/* RT_IPC_FLUSH_REQUEST_H */

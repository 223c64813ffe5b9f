/*
 * flush_request.h
 *		Commits that somebody else has to flush.
 *
 * Events of replay topics are not told before their commit is durable.  A
 * session with synchronous_commit = off does not flush, and the WAL writer
 * may take its time: so the launcher does, and wakes the gateways.  Nor is a
 * number told to who asks for it.
 */
#ifndef RT_IPC_FLUSH_REQUEST_H
#define RT_IPC_FLUSH_REQUEST_H

#include "src/compat.h"

#include "access/xlogdefs.h"

extern Size rt_flush_request_size(void);
extern void rt_flush_request_init(void);

/*
 * Has the launcher flush the log up to lsn.  Never fails, waits or allocates;
 * called at commit, after the entries are in the ring.
 */
extern void rt_flush_request(XLogRecPtr lsn);

/* How far the log is wanted flushed; 0 = nobody has asked yet. */
extern XLogRecPtr rt_flush_requested(void);

/*
 * This process tells what it reads with a snapshot that has been taken before
 * this call: others' commits that are not flushed yet may be among it.  An
 * executor's answer waits for them.
 */
extern void rt_flush_note_reading(void);

/* The log's end at that time, 0 = nothing was noted; forgets it. */
extern XLogRecPtr rt_flush_take_reading(void);

#endif							/* RT_IPC_FLUSH_REQUEST_H */

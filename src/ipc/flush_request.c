/*
 * flush_request.c
 *		Commits that somebody else has to flush.
 *
 * One number that only grows, as positions in the log do.  After a crash the
 * log is flushed and the number begins at 0 again.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/flush_request.h"
#include "src/ipc/worker_slot.h"

typedef struct FlushRequest
{
	pg_atomic_uint64 lsn;		/* raised by anyone, read by the launcher */
} FlushRequest;

static FlushRequest *flush_request = NULL;
static XLogRecPtr read_lsn = InvalidXLogRecPtr; /* what is told is older */

Size
rt_flush_request_size(void)
{
	return sizeof(FlushRequest);
}

void
rt_flush_request_init(void)
{
	bool		found;

	flush_request = ShmemInitStruct("realtime flush request",
									rt_flush_request_size(), &found);
	if (!found)
		pg_atomic_init_u64(&flush_request->lsn, InvalidXLogRecPtr);
}

/*
 * The exchange is a full barrier, and the launcher looks at the number after
 * it has reset its latch: one that sleeps is woken.  Whoever has asked for
 * more wakes it for us too.
 */
void
rt_flush_request(XLogRecPtr lsn)
{
	uint64		seen = pg_atomic_read_u64(&flush_request->lsn);

	while (seen < lsn)
	{
		if (!pg_atomic_compare_exchange_u64(&flush_request->lsn, &seen, lsn))
			continue;
		rt_worker_wake_all(RT_WORKER_LAUNCHER);
		return;
	}
}

XLogRecPtr
rt_flush_requested(void)
{
	return pg_atomic_read_u64(&flush_request->lsn);
}

/* ---- what is told from rows ---- */

/*
 * At the beginning of a page the position of the next record is behind the
 * page's header, which nobody has written: the log's end is before it.
 */
static XLogRecPtr
end_of_log(void)
{
	XLogRecPtr	lsn = GetXLogInsertRecPtr();

	if (XLogSegmentOffset(lsn, wal_segment_size) == SizeOfXLogLongPHD)
		return lsn - SizeOfXLogLongPHD;
	if (lsn % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		return lsn - SizeOfXLogShortPHD;
	return lsn;
}

void
rt_flush_note_reading(void)
{
	if (!RecoveryInProgress())
		read_lsn = end_of_log();
}

XLogRecPtr
rt_flush_take_reading(void)
{
	XLogRecPtr	lsn = read_lsn;

	read_lsn = InvalidXLogRecPtr;
	return lsn;
}

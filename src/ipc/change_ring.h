/*
 * change_ring.h
 *		Committed changes of rows that live queries read, on their way to who
 *		runs the queries again.
 *
 * Each transaction appends what it has changed when it is committed, in one
 * piece.  One process at a time reads them, as far as its snapshot shows them:
 *
 *		rt_changes_prepare(); take a snapshot; rt_changes_begin(snapshot);
 *		rt_changes_next() until RT_RING_EMPTY; run the queries; rt_changes_end()
 *
 * After that the queries are true at that snapshot.  What it does not show
 * stays for the next time.  What has come once and was read to the end does not
 * come again, unless rt_changes_may_repeat().
 *
 * As long as nobody listens nothing is written.
 */
#ifndef RT_IPC_CHANGE_RING_H
#define RT_IPC_CHANGE_RING_H

#include "src/compat.h"

#include "access/htup_details.h"
#include "utils/snapshot.h"

#include "src/ipc/byte_ring.h"

/*
 * A change as it lies in the ring: this, the columns, and the images, each
 * aligned to 8 bytes.  An image is a MinimalTuple of these columns, nothing
 * in it toasted.  The change of a row has columns of the watched table, which
 * is that of the trigger; a partition's columns may have other numbers.
 */
typedef struct RtChange
{
	uint32		size;			/* of all of it, a multiple of 8 */
	TransactionId xid;			/* top-level */
	Oid			relation;		/* the watched table; 0 with EVERYTHING */
	Oid			row_relation;	/* where the row is, that or a partition */
	uint16		flags;			/* RT_CHANGE_* */
	uint16		column_count;
	uint32		unused;			/* 0 */
} RtChange;

#define RT_CHANGE_OLD 0x01		/* there is an image of the row before */
#define RT_CHANGE_NEW 0x02		/* and of the row after */
#define RT_CHANGE_ANY 0x04		/* no image: anything in the table */
#define RT_CHANGE_EVERYTHING 0x08	/* likewise in any table */

typedef struct RtChangeColumn
{
	Oid			type;			/* when the row changed */
	AttrNumber	attnum;
	uint16		unused;			/* 0 */
} RtChangeColumn;

#define rt_change_columns(change) ((RtChangeColumn *) ((change) + 1))
#define rt_change_header_size(column_count) \
	(sizeof(RtChange) + (column_count) * sizeof(RtChangeColumn))

/* The images; NULL = there is none. */
extern MinimalTuple rt_change_old(const RtChange *change);
extern MinimalTuple rt_change_new(const RtChange *change);

extern Size rt_change_ring_size(void);
extern void rt_change_ring_init(void);

/* The most that one transaction may append. */
extern Size rt_change_ring_capacity(void);

/*
 * Somebody wants changes from now on, or one less does.  Who does so before it
 * takes its first snapshot misses nothing.
 */
extern void rt_change_listener_add(void);
extern void rt_change_listener_remove(void);
extern bool rt_changes_are_wanted(void);

/* Bytes of changes that no round has looked at. */
extern int64 rt_changes_waiting(void);

/*
 * Appends whole changes.  At commit, when the transaction can be seen: neither
 * fails, waits long nor allocates.  Returns whether somebody wants to know: then a
 * round is to be wished for, when the commit slot is cleared.
 */
extern bool rt_changes_append(const char *changes, Size size);

/* Behind what this process has appended last; others may set it to 0. */
extern uint64 rt_changes_own_end;

/*
 * Transactions that are prepared with changes are not known to anybody when they
 * are committed, perhaps by another session: once that can be seen, everything
 * has changed.  note() before the transaction is prepared, forget() if it is
 * not after all; finished() after some transaction may have been committed.
 */
extern void rt_changes_note_prepared(TransactionId xid);
extern void rt_changes_forget_prepared(TransactionId xid);
extern void rt_changes_prepared_finished(void);

/*
 * A command has changed settings, or, in another database, what all of them share,
 * and is committed, and its locks are gone: everything may have changed.
 */
extern void rt_changes_note_elsewhere(void);

/*
 * The reader, see above.  next() returns RT_RING_OVERRUN once for changes that
 * are not there any more: everything may have changed.  What it returns is
 * valid until the next call.  Without end() the same is read again.
 */
extern void rt_changes_prepare(void);
extern void rt_changes_leave_elsewhere(void);	/* before begin(): to the next */
extern void rt_changes_begin(Snapshot snapshot);
extern RtRingRead rt_changes_next(const RtChange **change);
extern void rt_changes_end(void);

/*
 * Between the last next() and end(): whether some changes may have come to the
 * reader before this one, too.
 */
extern bool rt_changes_may_repeat(void);

/*
 * Between the last next() and end(): up to where everything in the ring shows in
 * the snapshot; and what that was for the reader before this one.
 */
extern uint64 rt_changes_position(void);
extern uint64 rt_changes_position_before(void);

/*
 * After end(), with the reader's snapshot: whether something has been committed
 * that it does not show and that may be seen with it, as TRUNCATE may, and commands.
 * So it is of whoever has waited for their locks.
 */
extern bool rt_changes_show_through(Snapshot snapshot);

#endif							/* RT_IPC_CHANGE_RING_H */

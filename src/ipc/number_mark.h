/*
 * number_mark.h
 *		The highest number that any event has been given in this life of the
 *		server's memory, rolled back or not.
 *
 * With it numbers can go on behind all that there are, instead of in the next
 * epoch, of which there are not many.  What was given before the memory was
 * made is not known, so it says of which epoch it knows all: one that has begun
 * since.
 */
#ifndef RT_IPC_NUMBER_MARK_H
#define RT_IPC_NUMBER_MARK_H

#include "src/compat.h"

extern Size rt_number_mark_size(void);
extern void rt_number_mark_init(void);

/* With the lock of the topic held. */
extern void rt_number_mark_note(int64 seq);

extern int64 rt_number_mark(void);

/*
 * Whether the epoch of the numbers should end, because some topic has used up
 * half of it; who numbers says so, and who ends it takes it back.
 */
extern bool rt_number_mark_is_worn(void);
extern void rt_number_mark_set_worn(bool worn);

/*
 * The epoch of a table, which begins now; and whether all numbers of one are
 * known.  With the lock of the epoch held.
 */
extern void rt_number_mark_begin_epoch(Oid database, Oid table, int epoch);
extern bool rt_number_mark_is_complete(Oid database, Oid table, int epoch);

#endif							/* RT_IPC_NUMBER_MARK_H */

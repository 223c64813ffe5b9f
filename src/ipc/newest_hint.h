/*
 * newest_hint.h
 *		Where to look for the newest number of a topic.
 *
 * The number that was given last, as far as it is remembered.  It may be too
 * low or that of another topic, and too high if its transaction has been
 * rolled back: whoever finds no row from there on looks for it without.  With
 * it, the scan of an index reads one row instead of a page of them.
 */
#ifndef RT_IPC_NEWEST_HINT_H
#define RT_IPC_NEWEST_HINT_H

#include "src/compat.h"

extern Size rt_newest_hints_size(void);
extern void rt_newest_hints_init(void);

/* 0 = nothing is remembered. */
extern int64 rt_newest_hint(uint32 topic_hash);
extern void rt_newest_hint_set(uint32 topic_hash, int64 seq);

#endif							/* RT_IPC_NEWEST_HINT_H */

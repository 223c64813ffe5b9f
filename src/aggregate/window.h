/*
 * window.h
 *		The parts of time that windows of aggregates are made of.
 *
 * A time is in one bucket, which begins at a time that stands for it.  That of a
 * lifetime window begins at -infinity and never ends.
 */
#ifndef RT_AGGREGATE_WINDOW_H
#define RT_AGGREGATE_WINDOW_H

#include "src/compat.h"

#include "utils/timestamp.h"

#include "src/catalog/declaration.h"

/* The bucket that a time is in. */
extern TimestampTz rt_window_bucket(const RtWindowDeclaration *window, TimestampTz time);

/* The first time after one that is in another bucket; 'infinity' = never. */
extern TimestampTz rt_window_end(const RtWindowDeclaration *window, TimestampTz time);

/* The first bucket that a sliding window has at a time. */
extern TimestampTz rt_window_oldest(const RtWindowDeclaration *window, TimestampTz time);

/* How many buckets a sliding window has. */
extern int64 rt_window_buckets(int64 duration_us, int64 slide_us);

#endif							/* RT_AGGREGATE_WINDOW_H */

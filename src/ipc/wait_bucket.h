/*
 * wait_bucket.h
 *		How long requests have waited for an executor, in buckets.
 */
#ifndef RT_IPC_WAIT_BUCKET_H
#define RT_IPC_WAIT_BUCKET_H

#include "src/compat.h"

#define RT_WAIT_BUCKETS 13		/* the last one has no bound */

/* The bucket of a time. */
extern int	rt_wait_bucket_of(int64 ms);

/* The upper bounds of the buckets but the last one, as seconds in decimal, and as ms. */
extern const char *rt_wait_bucket_bound(int bucket);
extern const char *rt_wait_bucket_bound_ms(int bucket);

#endif							/* RT_IPC_WAIT_BUCKET_H */

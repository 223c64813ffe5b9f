/*
 * wait_bucket.c
 *		How long requests have waited for an executor.
 */
#include "postgres.h"

#include "src/ipc/wait_bucket.h"

static const struct
{
	int64		ms;
	const char *seconds;
}			bounds[RT_WAIT_BUCKETS - 1] = {
	{1, "0.001"}, {2, "0.002"}, {5, "0.005"},
	{10, "0.01"}, {25, "0.025"}, {50, "0.05"},
	{100, "0.1"}, {250, "0.25"}, {500, "0.5"},
	{1000, "1.0"}, {2500, "2.5"}, {10000, "10.0"}
};

int
rt_wait_bucket_of(int64 ms)
{
	int			bucket = 0;

	while (bucket < RT_WAIT_BUCKETS - 1 && ms > bounds[bucket].ms)
		bucket++;
	return bucket;
}

const char *
rt_wait_bucket_bound(int bucket)
{
	return bounds[bucket].seconds;
}

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
	const char *ms_text;
}			bounds[RT_WAIT_BUCKETS - 1] = {
	{1, "0.001", "1.0"}, {2, "0.002", "2.0"}, {5, "0.005", "5.0"},
	{10, "0.01", "10.0"}, {25, "0.025", "25.0"}, {50, "0.05", "50.0"},
	{100, "0.1", "100.0"}, {250, "0.25", "250.0"}, {500, "0.5", "500.0"},
	{1000, "1.0", "1000.0"}, {2500, "2.5", "2500.0"}, {10000, "10.0", "10000.0"}
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

const char *
rt_wait_bucket_bound_ms(int bucket)
{
	return bounds[bucket].ms_text;
}

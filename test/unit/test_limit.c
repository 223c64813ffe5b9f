/*
 * test_limit.c
 *		src/ipc/limit.c: what the log is told of limits, and when; and peaks.
 *
 * The clock stands still unless told.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include "storage/shmem.h"

#include "src/ipc/clock.h"

static int64 clock_now = 1000;

#define rt_clock_ms() clock_now

#include "test/unit/shmem.h"

#include "src/ipc/limit.c"
#include "test/unit/unit.h"

#define TOLD RT_LIMIT_SESSIONS
#define NOT_TOLD RT_LIMIT_DEPTH

static int	wakes = 0;

void
rt_worker_wake(RtWorkerKind kind, int index)
{
	CHECK(kind == RT_WORKER_LAUNCHER);
	wakes++;
}

static void
begin(void)
{
	wakes = 0;
	rt_limits_init();
}

static void
hit(RtLimitKind limit, int count)
{
	while (count-- > 0)
		rt_limit_hit(limit);
}

/* The first time is told at once, and who tells it is woken for that. */
static void
first_time_is_told(void)
{
	begin();
	CHECK(rt_limit_take_news(TOLD) == 0);
	hit(TOLD, 3);
	CHECK(wakes == 1);
	CHECK(rt_limit_take_news(TOLD) == 3);
	CHECK(rt_limit_take_news(TOLD) == 0);
	CHECK(rt_limit_hits(TOLD) == 3);
}

static void
others_are_told_an_hour_later(void)
{
	begin();
	hit(TOLD, 1);
	CHECK(rt_limit_take_news(TOLD) == 1);
	hit(TOLD, 5);
	clock_now += TOLD_AGAIN_MS - 1;
	CHECK(rt_limit_take_news(TOLD) == 0);
	clock_now += 1;
	CHECK(rt_limit_take_news(TOLD) == 5);
	clock_now += TOLD_AGAIN_MS;
	CHECK(rt_limit_take_news(TOLD) == 0);
	CHECK(wakes == 1);
}

/* What a client runs into by himself is counted only. */
static void
some_are_never_told(void)
{
	begin();
	hit(NOT_TOLD, 5);
	CHECK(wakes == 0);
	CHECK(rt_limit_take_news(NOT_TOLD) == 0);
	CHECK(rt_limit_hits(NOT_TOLD) == 5);
}

static void
peaks_only_grow(void)
{
	begin();
	rt_limit_note(TOLD, 5);
	rt_limit_note(TOLD, 3);
	CHECK(rt_limit_peak(TOLD) == 5);
	rt_limit_note(TOLD, 7);
	CHECK(rt_limit_peak(TOLD) == 7);
	CHECK(rt_limit_peak(NOT_TOLD) == 0);
}

/* Each has a row, and what is only warned of is warned of. */
static void
rows_are_whole(void)
{
	for (int limit = 0; limit < RT_LIMITS; limit++)
	{
		const RtLimitRow *row = rt_limit_row((RtLimitKind) limit);

		CHECK(row->name != NULL && row->action != NULL && row->per != NULL);
		CHECK(rt_limit_policy_name(row->policy) != NULL);
		CHECK(row->policy != RT_LIMIT_WARN || row->told || limit == RT_LIMIT_TOPICS);
		for (int other = 0; other < limit; other++)
			CHECK(strcmp(row->name, rt_limit_row((RtLimitKind) other)->name) != 0);
	}
}

int
main(void)
{
	RUN(first_time_is_told);
	RUN(others_are_told_an_hour_later);
	RUN(some_are_never_told);
	RUN(peaks_only_grow);
	RUN(rows_are_whole);
	return unit_done();
}

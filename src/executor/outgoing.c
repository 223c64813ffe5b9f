/*
 * outgoing.c
 *		Answers that are ready and not yet handed over.
 *
 * Handing answers over costs a lock and a wake-up, making them durable costs
 * a flush; both are paid once for several calls.  How long an answer may wait
 * for others depends on what waiting saves: without a flush some tens of
 * microseconds of work, with one as much as a few flushes take.  A call that
 * is slow, or that nobody has timed yet, delays nobody: the answers go first.
 * A call that turns out to be slow, because it waits for a lock, say, delays
 * them until our timer has the launcher flush and answer in our place: what
 * is held is kept in shared memory for that.
 */
#include "postgres.h"

#include "access/xact.h"

#include "src/executor/outgoing.h"
#include "src/guc.h"
#include "src/ipc/held_answers.h"
#include "src/ipc/publish_ring.h"

#define BATCH_MAX RT_HELD_MAX	/* answers, if they wait for a flush */
#define BATCH_PLAIN_MAX 16		/* answers, if they do not */
#define PLAIN_WAIT_US 30.0
#define SLOW_CALL_US 100.0
#define FLUSH_WAIT_FACTOR 4.0	/* work done per flush, in flushes */
#define FLUSH_MEAN_MIN_US 50.0
#define FLUSH_MEAN_MAX_US 2000.0

static RtExecutorCounters *counters = NULL;
static int	executor_index;
static volatile int held_count = 0; /* of ours; a rescue does not lower it */
static instr_time oldest;		/* when the first of them was finished */
static RtDurability durability;
static double flush_mean_us = 200.0;

void
rt_outgoing_init(int executor, RtExecutorCounters *executor_counters)
{
	executor_index = executor;
	counters = executor_counters;
}

bool
rt_outgoing_is_empty(void)
{
	return held_count == 0;
}

RtDurability *
rt_outgoing_durability(void)
{
	return &durability;
}

void
rt_outgoing_add(RtRequest *request, instr_time now)
{
	Assert(held_count < BATCH_MAX);
	if (held_count == 0)
		oldest = now;
	rt_held_add(executor_index, request, durability.lsn,
				!rt_durability_needs_standbys(&durability));
	held_count++;
}

void
rt_outgoing_alarm(void)
{
	if (held_count > 0)
		rt_held_alarm(executor_index);
}

static double
microseconds_between(instr_time from, instr_time to)
{
	INSTR_TIME_SUBTRACT(to, from);
	return INSTR_TIME_GET_MICROSEC(to);
}

bool
rt_outgoing_is_due(instr_time now)
{
	if (held_count == 0)
		return false;
	if (durability.lsn == InvalidXLogRecPtr)
		return held_count >= BATCH_PLAIN_MAX ||
			microseconds_between(oldest, now) >= PLAIN_WAIT_US;
	return held_count >= BATCH_MAX || !realtime_pipelined_commits ||
		microseconds_between(oldest, now) >= FLUSH_WAIT_FACTOR * flush_mean_us;
}

bool
rt_outgoing_before(double mean_us)
{
	double		slow_us = SLOW_CALL_US;

	if (held_count == 0)
		return false;
	if (durability.lsn != InvalidXLogRecPtr)
		slow_us = Max(slow_us, flush_mean_us);
	if (mean_us >= 0 && mean_us <= slow_us)
		return false;
	rt_outgoing_push();
	return true;
}

/* Bounded on both sides: one slow disk moment must not change the rhythm. */
static void
note_flush(instr_time began)
{
	instr_time	now;
	double		us;

	INSTR_TIME_SET_CURRENT(now);
	us = microseconds_between(began, now);
	us = Max(FLUSH_MEAN_MIN_US, Min(us, FLUSH_MEAN_MAX_US));
	flush_mean_us += (us - flush_mean_us) / 8;
	pg_atomic_write_u64(&counters->flushes,
						pg_atomic_read_u64(&counters->flushes) + 1);
}

void
rt_outgoing_push(void)
{
	RtRequest  *answers[BATCH_MAX];
	instr_time	began;
	int			n;

	INSTR_TIME_SET_CURRENT(began);
	if (rt_durability_wait(&durability))
		note_flush(began);

	/* events of these calls lie in the ring and waited for the flush */
	if (rt_commit_published)
	{
		rt_commit_published = false;
		rt_worker_wake_all(RT_WORKER_GATEWAY);
	}

	n = rt_held_take(executor_index, answers);
	held_count = 0;
	if (n > 0)
		rt_requests_answer(answers, n);
}

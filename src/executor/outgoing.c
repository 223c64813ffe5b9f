/*
 * outgoing.c
 *		Answers that are ready and of which nobody has been told yet.
 *
 * To wake a gateway costs a signal, to make a commit durable a flush; both are
 * paid once for several calls.  How long an answer may wait for others depends
 * on what waiting saves: without a flush some tens of microseconds of work,
 * with one as much as a few flushes take.  A call that is slow, or that nobody
 * has timed yet, delays nobody: the gateways are told first.  A call that turns
 * out to be slow, because it waits for a lock, say, delays them until our timer
 * raises the alarm.  The answers are with their owners already, each with what
 * it waits for, so there is nothing to do then but to tell the owners and to
 * have somebody else flush.
 */
#include "postgres.h"

#include "access/xlog.h"

#include "src/executor/outgoing.h"
#include "src/guc.h"
#include "src/ipc/flush_request.h"
#include "src/ipc/unflushed.h"

#define BATCH_MAX 64			/* answers, if they wait for a flush */
#define BATCH_PLAIN_MAX 16		/* answers, if they do not */
#define PLAIN_WAIT_US 30.0
#define SLOW_CALL_US 100.0
#define FLUSH_WAIT_FACTOR 4.0	/* work done per flush, in flushes */
#define LONG_MIN_US 1000.0		/* what takes less shares a flush */
#define FLUSH_MEAN_MIN_US 50.0
#define FLUSH_MEAN_MAX_US 2000.0

/* Of all that their owners have not been told of. */
typedef struct Waiting
{
	int			count;
	uint32		owners;			/* a set of bits */
	XLogRecPtr	lsn;			/* to be flushed first; 0 = nothing */
	instr_time	since;
	bool		alarmed;		/* they have been told after all */
} Waiting;

static RtExecutorCounters *counters = NULL;
static volatile Waiting waiting;	/* the alarm reads it */
static double flush_mean_us = 200.0;

void
rt_outgoing_init(RtExecutorCounters *executor_counters)
{
	counters = executor_counters;
}

bool
rt_outgoing_is_empty(void)
{
	return waiting.count == 0;
}

void
rt_outgoing_add(RtRequest *request, RtDurability wanted, instr_time now)
{
	Assert(waiting.count < BATCH_MAX);
	if (waiting.count == 0)
		waiting.since = now;
	waiting.owners |= rt_owner_bit(request->owner);
	waiting.lsn = Max(waiting.lsn, Max(wanted.lsn, rt_own_flush.published));
	waiting.count++;
	waiting.alarmed = false;
	rt_own_flush.published = InvalidXLogRecPtr;

	/* what the scheduler is told is told to no client */
	request->durability = request->owner == RT_OWNER_SCHEDULER ? RT_DURABLE : wanted;
	rt_answer_put(request);
}

void
rt_outgoing_alarm(void)
{
	if (waiting.count == 0 || waiting.alarmed)
		return;
	waiting.alarmed = true;
	if (waiting.lsn != InvalidXLogRecPtr)
		rt_flush_request(waiting.lsn);
	rt_answers_announce(waiting.owners);
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
	if (waiting.count == 0)
		return false;
	if (waiting.lsn == InvalidXLogRecPtr)
		return waiting.count >= BATCH_PLAIN_MAX ||
			microseconds_between(waiting.since, now) >= PLAIN_WAIT_US;
	return waiting.count >= BATCH_MAX || !realtime_pipelined_commits ||
		microseconds_between(waiting.since, now) >= FLUSH_WAIT_FACTOR * flush_mean_us;
}

bool
rt_outgoing_before(double mean_us)
{
	double		slow_us = SLOW_CALL_US;

	if (waiting.count == 0)
		return false;
	if (waiting.lsn != InvalidXLogRecPtr)
		slow_us = Max(slow_us, flush_mean_us);
	if (mean_us >= 0 && mean_us <= slow_us)
		return false;
	rt_outgoing_push();
	return true;
}

bool
rt_outgoing_is_long(double mean_us)
{
	return mean_us < 0 || mean_us >= Max(LONG_MIN_US, FLUSH_WAIT_FACTOR * flush_mean_us);
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
	uint32		owners = waiting.owners;
	instr_time	began;

	if (waiting.lsn != InvalidXLogRecPtr)
	{
		INSTR_TIME_SET_CURRENT(began);
		XLogFlush(waiting.lsn);
		note_flush(began);
		rt_flush_wake_waiting();
	}
	waiting.count = 0;
	waiting.owners = 0;
	waiting.lsn = InvalidXLogRecPtr;
	rt_answers_announce(owners);
}

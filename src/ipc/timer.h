/*
 * timer.h
 *		Events that wait: the trailing edges of realtime.throttle() and the
 *		events of realtime.debounce().
 *
 * A fixed table in shared memory, a timer for each (topic, event), of both
 * functions: so nothing older can come after what is newer, whichever of them
 * has been called.  A timer keeps at most one message, the newest, which waits
 * as it was called for; its text lies in the payload memory.  An interval that a
 * throttle has begun is kept beside it.  The life of a timer:
 *
 *	- a transaction that is about to commit holds the timers of its calls;
 *	  for a throttle this says whether its first call leads, that is, whether
 *	  it may be published with the transaction;
 *	- its end lets go of them again: a commit leaves a message or begins an
 *	  interval, an abort leaves nothing;
 *	- the scheduler sleeps until the first message is due and then has an
 *	  executor publish it, in a transaction that takes the message and, at its
 *	  end, says what became of it.
 *
 * "Newest" goes by the position of the commit in the log, so that of two
 * transactions the one that saw the other has the last word, whichever of
 * their processes comes here first.
 *
 * Times are microseconds of rt_clock_us().
 *
 * The table is lost with the server's memory: a crash or a restart forgets
 * what waits.
 */
#ifndef RT_IPC_TIMER_H
#define RT_IPC_TIMER_H

#include "src/compat.h"

#include "access/xlogdefs.h"
#include "utils/dsa.h"

#define RT_TIMER_NONE (-1)
#define RT_TIMER_NAME_MAX 256	/* bytes of a topic, and of an event's name */
#define RT_TIMER_NEVER PG_INT64_MAX

typedef enum RtTimerKind
{
	RT_TIMER_THROTTLE,
	RT_TIMER_DEBOUNCE
} RtTimerKind;

/* event: the name that was given; a pipe may have made another one of it. */
typedef struct RtTimerKey
{
	Size		topic_len;
	Size		event_len;
	const char *topic;
	const char *event;
} RtTimerKey;

extern Size rt_timers_size(void);
extern void rt_timers_init(void);

extern uint32 rt_timer_hash(const RtTimerKey *key);

/*
 * A message in the payload memory, to be given to rt_timer_commit() or freed: the name
 * of the event, which need not be that of the key, and its data.
 * InvalidDsaPointer if there is no room.
 */
extern dsa_pointer rt_timer_message_make(const char *event, uint16 event_len,
										 const char *data, uint32 len);
extern void rt_timer_message_free(dsa_pointer message);

/*
 * Holds the timer of a key until rt_timer_commit() or rt_timer_abort();
 * RT_TIMER_NONE if the table is full.  leads NULL: it only leaves a message.
 * *leads: this holder may publish at once, and nobody else until it has let go.
 */
extern int	rt_timer_hold(const RtTimerKey *key, Oid database, bool *leads);

/* What a committed transaction leaves with a timer that it holds. */
typedef struct RtTimerCommit
{
	int			timer;
	bool		leads;			/* as rt_timer_hold() has said */
	bool		published;		/* an event of the key, at once */
	int64		every_us;		/* the interval which that begins, 0 = none */
	XLogRecPtr	stamp;			/* which of two messages is newer */
	dsa_pointer message;		/* Invalid = none */
	RtTimerKind kind;			/* of the message */
	int64		wait_us;		/* every, after */
} RtTimerCommit;

/* Neither of the two fails or allocates; both may wake the scheduler. */
extern void rt_timer_commit(const RtTimerCommit *commit);
extern void rt_timer_abort(int timer, bool leads);

/* Counts a message that was published at once for want of room. */
extern void rt_timers_count_overflow(void);

/* ---- publishing ---- */

/* A message that is being published; the texts stay until it is settled. */
typedef struct RtTimerMessage
{
	int			timer;
	const char *topic;
	Size		topic_len;
	const char *event;
	Size		event_len;
	const char *data;
	Size		data_len;
} RtTimerMessage;

/* When the first message is due; RT_TIMER_NEVER if none waits. */
extern int64 rt_timers_next_due(void);

/*
 * Takes messages that are due, in the order in which they are, at most max of
 * them, and of max_bytes as events, unless it is a single one.  One that could
 * not be published before is taken alone, so that it cannot fail others.
 * Returns how many.
 */
extern int	rt_timers_take(Oid database, RtTimerMessage *out, int max,
						   Size max_bytes);

/*
 * What became of messages taken: published; or not, then they wait for a while
 * and are due again, unless a newer one has come meanwhile.  Never fails.
 */
extern void rt_timers_published(const RtTimerMessage *messages, int n);
extern void rt_timers_failed(const RtTimerMessage *messages, int n);

/* Forgets every message that is not being published. */
extern void rt_timers_forget(void);

typedef struct RtTimerStats
{
	uint64		active;			/* timers in use, now */
	uint64		waiting;		/* messages kept or under way, now */
	uint64		published;		/* by executors, since the server's start */
	uint64		failed;			/* attempts to publish that were to be
								 * repeated */
	uint64		overflowed;		/* published at once for want of room */
	TimestampTz last_overflow;	/* 0 = never */
} RtTimerStats;

extern void rt_timers_stats(RtTimerStats *stats);

#endif							/* RT_IPC_TIMER_H */

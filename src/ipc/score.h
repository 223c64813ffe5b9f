/*
 * score.h
 *		How often something has happened that processes of any kind do, for metrics.
 *
 * Counted over all of them since the server's start.  What a gateway or an executor
 * counts alone is in its slot (worker_slot.h), which costs less; what is counted for
 * each path is in path_stat.h.
 */
#ifndef RT_IPC_SCORE_H
#define RT_IPC_SCORE_H

#include "src/compat.h"

typedef enum RtScore
{
	/* messages to users, of each connection; and those who were not there */
	RT_SCORE_SEND_OK,
	RT_SCORE_SEND_DROPPED,
	RT_SCORE_SEND_NOT_FOUND,
	RT_SCORE_COALESCED_SENT,
	RT_SCORE_COALESCED_REPLACED,
	RT_SCORE_COALESCED_DROPPED,
	RT_SCORE_COALESCED_NOT_FOUND,
	/* realtime.send_to() */
	RT_SCORE_SEND_TO_OK,
	RT_SCORE_SEND_TO_EMPTY,
	RT_SCORE_SEND_TO_ERROR,
	/* groups of connections */
	RT_SCORE_GROUP_JOINS,
	RT_SCORE_GROUP_REJECTED,
	RT_SCORE_GROUP_LEAVES,
	RT_SCORE_GROUP_PUBLISHES,
	/* calls that happen once */
	RT_SCORE_ONCE_ACQUIRED,
	RT_SCORE_ONCE_HITS,
	RT_SCORE_ONCE_SHARED,
	RT_SCORE_ONCE_KEPT,
	/* keys of calls */
	RT_SCORE_LOCK_ACQUIRED,
	RT_SCORE_LOCK_AWAITED,
	RT_SCORE_LOCK_LATE,
	/* realtime.consume() */
	RT_SCORE_LIMITER_ALLOWED,
	RT_SCORE_LIMITER_DENIED,
	RT_SCORE_LIMITER_BANS,
	/* topics of class replay */
	RT_SCORE_REPLAY_PUBLISHES,
	RT_SCORE_REPLAY_MESSAGES,
	RT_SCORE_REPLAY_TRUNCATIONS,
	/* jobs of queues */
	RT_SCORE_JOBS_ENQUEUED,
	RT_SCORE_JOBS_TAKEN,
	RT_SCORE_JOBS_FINISHED,
	RT_SCORE_JOBS_FAILED,
	RT_SCORE_JOBS_DEAD,
	/* uploads */
	RT_SCORE_UPLOAD_BYTES,
	RT_SCORE_UPLOADS_DONE,
	RT_SCORE_UPLOADS_ABORTED,
	RT_SCORES
} RtScore;

extern Size rt_scores_size(void);
extern void rt_scores_init(void);

/* Neither fails, waits nor allocates. */
extern void rt_score(RtScore score);
extern void rt_score_add(RtScore score, uint64 count);
extern uint64 rt_score_read(RtScore score);

/* A realtime.send_to() is made: if nobody is there that is known at once. */
extern void rt_score_send_to(void);

/*
 * A gateway has looked for who is meant by a realtime.send_to() at a place of the
 * publish ring.  It counts as sent when the first has found somebody, and as sent to
 * nobody when all have found nobody.
 */
extern void rt_score_sent_to(uint64 position, bool found);

#endif							/* RT_IPC_SCORE_H */

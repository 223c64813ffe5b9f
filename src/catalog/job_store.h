/*
 * job_store.h
 *		Jobs, as their tables keep them.
 *
 * What each job costs goes straight to the tables and their indexes, as the system
 * writes catalogs: no right, trigger, policy or plan has a part in it.  What is
 * rare is SQL.
 */
#ifndef RT_CATALOG_JOB_STORE_H
#define RT_CATALOG_JOB_STORE_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "storage/itemptr.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#define RT_JOB_TABLE "job"
#define RT_JOB_FINISHED_TABLE "job_finished"
#define RT_JOB_PRIORITY_MAX 100000
#define RT_JOB_CRASHES_MAX 5	/* attempts that may end their process */
#define RT_JOB_LOST_CODE "TIMEOUT"	/* of one that who has taken it has left */

/* Columns of realtime.job */
enum
{
	Anum_job_id = 1,
	Anum_job_queue,
	Anum_job_priority,
	Anum_job_place,
	Anum_job_ready,
	Anum_job_taken,
	Anum_job_awaited,
	Anum_job_run_at,
	Anum_job_created_at,
	Anum_job_attempts,
	Anum_job_crashes,
	Anum_job_max_attempts,
	Anum_job_unique_key,
	Anum_job_order_key,
	Anum_job_user_id,
	Anum_job_request_id,
	Anum_job_code,
	Anum_job_message,
	Anum_job_payload,
	Anum_job_progress,
	Natts_job = Anum_job_progress
};

/* Columns of realtime.job_finished */
enum
{
	Anum_finished_id = 1,
	Anum_finished_queue,
	Anum_finished_state,
	Anum_finished_finished_at,
	Anum_finished_started_at,
	Anum_finished_created_at,
	Anum_finished_run_at,
	Anum_finished_priority,
	Anum_finished_attempts,
	Anum_finished_max_attempts,
	Anum_finished_unique_key,
	Anum_finished_order_key,
	Anum_finished_user_id,
	Anum_finished_request_id,
	Anum_finished_code,
	Anum_finished_message,
	Anum_finished_payload,
	Anum_finished_result,
	Natts_finished = Anum_finished_result
};

/* The tables, and indexes of the first; InvalidOid without the extension. */
extern Oid	rt_job_table(void);
extern Oid	rt_job_finished_table(void);
extern Oid	rt_job_ready_index(void);
extern Oid	rt_job_ordered_ready_index(void);
extern Oid	rt_job_ordered_index(void);

/* ---- new ones ---- */

typedef struct RtJobNew
{
	const char *queue;
	Jsonb	   *payload;		/* NULL = NULL */
	TimestampTz run_at;
	int			priority;
	const char *unique_key;		/* NULL = none */
	const char *order_key;		/* NULL = none */
	int			max_attempts;	/* 0 = as the queue says */
	const char *user_id;		/* NULL = nobody's */
	const char *request_id;		/* NULL = no call's */
	bool		awaited;

	/* set by put */
	int64		id;
	bool		is_new;			/* it was put, and not there with its key */
	bool		is_ready;
	int64		place;			/* as of RtJobFound */
} RtJobNew;

extern void rt_job_put(RtJobNew *job);

/* ---- what is ready ---- */

/*
 * One that may be run.  Its place is that in the order of the queue; those with a key
 * are in the order of that, and RT_JOB_LAST in that of the queue.
 */
typedef struct RtJobFound
{
	int64		id;
	int64		place;
	int64		rank;			/* in the order of the queue, with a key or without */
	uint64		key;			/* a hash of queue and key */
	ItemPointerData tid;
	bool		is_old;			/* created before a moment, or interrupted before */
	int			crashes;
} RtJobFound;

typedef struct RtJobSearch
{
	const char *queue;
	int64		from;			/* place */
	const int64 *claimed;		/* ids that are left out, sorted */
	int			claimed_count;
	TimestampTz old_before;
	int			max;			/* how many are wanted */
	int			max_ordered;	/* with keys, among these */
	RtJobFound *found;			/* room for these */

	/* set by find */
	int			count;
	int64		end;			/* place: none without a key was left before it */
	bool		more_plain;		/* there are others without a key */
	bool		more;			/* or with one */
	bool		missed;			/* others have the key of one */
} RtJobSearch;

/*
 * At the active snapshot, in the order of the queue: those without keys, and the first
 * of each key, if it may be run and nobody has the key.
 */
extern void rt_jobs_find(RtJobSearch *search);

/* Their ids, as an array of bigint. */
extern ArrayType *rt_job_ids(const RtJobFound *found, int count);

/* Counts an attempt of these that may end its process. */
extern void rt_jobs_count_crash(const RtJobFound *found, int count);

/* Takes that back: their process has not ended. */
extern void rt_jobs_uncount_crash(const RtJobFound *found, int count);

/* ---- the one that is run ---- */

typedef struct RtJob
{
	int64		id;
	ItemPointerData tid;
	int			attempts;
	int			max_attempts;	/* 0 = as the queue says */
	bool		awaited;
	Jsonb	   *payload;		/* NULL = NULL */
	const char *user_id;
	const char *request_id;		/* NULL = no call's */
	int64		place;
	bool		is_ready;
	bool		is_taken;
	const char *queue;
	const char *order_key;		/* NULL = none */
	Datum		values[Natts_job];
	bool		nulls[Natts_job];
} RtJob;

/*
 * Locks one that is ready for this transaction, as found or, with an invalid tid, by
 * its id.  Returns false if another has it, or it is gone or not ready any more.
 */
extern bool rt_job_lock(const RtJobFound *found, RtJob *job);

/* Only locks it, likewise; one with a key, which is locked, only if it is the first. */
extern bool rt_job_lock_found(const RtJobFound *found);

/*
 * Locks the key of one that has any for this transaction; false if another has it. The
 * row is locked afterwards.  What the key is of use for begins with a snapshot from then.
 */
extern bool rt_job_lock_key(const RtJobFound *found);
extern void rt_job_unlock_key(const RtJobFound *found);

/* Whether it is the first of its key now, whatever the transaction's snapshot. */
extern bool rt_job_is_first(const char *queue, text *key, int64 id);

/* Reads any one that is not over; locks it, and waits for who has it, or does not. */
typedef enum RtJobGrasp
{
	RT_JOB_READ,
	RT_JOB_TRY_LOCK,
	RT_JOB_LOCK
} RtJobGrasp;

extern bool rt_job_grasp(int64 id, RtJobGrasp grasp, RtJob *job);

/* One that is over, whatever the transaction's snapshot; false if there is none. */
typedef struct RtJobOver
{
	char	   *queue;
	char	   *state;
	char	   *code;			/* NULL = it has not failed */
	char	   *message;
	Jsonb	   *result;			/* NULL = none */
} RtJobOver;

extern bool rt_job_over(int64 id, RtJobOver *over);

/* How it ends. */
typedef struct RtJobEnd
{
	const char *state;			/* "done", "dead" or "cancelled" */
	TimestampTz started_at;		/* 0 = NULL */
	int			attempts;		/* in all */
	const char *code;			/* NULL = it has not failed */
	const char *message;
	Jsonb	   *result;
	bool		is_kept;		/* there is a row of it */
} RtJobEnd;

/* Returns false if this transaction itself has removed it meanwhile. */
extern bool rt_job_finish(const RtJob *job, const RtJobEnd *end);

/* It is to be tried again; it is locked. */
extern void rt_job_put_off(int64 id, int attempts, TimestampTz run_at,
						   const char *code, const char *message);

/*
 * One that is dead or cancelled is ready again, as if it were new; false if there is
 * none.  Its place is that of RtJobFound.
 */
extern bool rt_job_revive(int64 id, int64 *place);

/* ---- the scheduler's ---- */

/*
 * Makes those ready that are due, at most max, but for those that are lost.  Returns
 * queues and places: an array of two texts each.
 */
extern List *rt_jobs_make_ready(TimestampTz now, int max);

/*
 * A job is lost that a session has taken for the last time, and not finished in its
 * time.  Whether there is any; and makes some dead, at most max, and returns their
 * ids, queues and attempts: an array of three texts each.
 */
extern bool rt_jobs_are_lost(TimestampTz now);
extern List *rt_jobs_bury_lost(TimestampTz now, int max);

/* When the next one is due; DT_NOEND = none. */
extern TimestampTz rt_jobs_next_due(void);

/*
 * SQL: those of queue $1 that are ready, $2 at most of each kind: an index each has
 * those without keys and those with.
 */
#define RT_JOBS_READY \
	"(SELECT run_at FROM realtime.job WHERE ready AND order_key IS NULL" \
	" AND queue OPERATOR(pg_catalog.=) $1 ORDER BY queue, place LIMIT $2)" \
	" UNION ALL (SELECT run_at FROM realtime.job WHERE ready AND order_key IS NOT NULL" \
	" AND queue OPERATOR(pg_catalog.=) $1 ORDER BY queue, order_key, place LIMIT $2)"

/* Whether a queue has any that is ready. */
extern bool rt_job_queue_is_ready(const char *queue);

/* How many are ready, or wait to be tried again, if not more than that. */
extern int	rt_jobs_waiting(const char *queue, int most);

/* The name of the next queue that has jobs that are over, or NULL. */
extern char *rt_job_finished_queue(const char *after);

/* Removes those that are over since before then, at most max.  Returns how many. */
extern uint64 rt_jobs_remove(const char *queue, const char *state, TimestampTz before,
							 int max);

#endif							/* RT_CATALOG_JOB_STORE_H */

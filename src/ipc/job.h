/*
 * job.h
 *		What processes tell each other of jobs: which queues have something to do,
 *		and which jobs executors have.
 *
 * The tables are what counts: who runs a job has a lock on its row.  What is here
 * spares looks at the tables, and goes with a crash.
 *
 * A wish says that a queue may have jobs that nobody has taken; who commits such
 * a job leaves it, and the scheduler takes it.  Queues share places by the hash of
 * their names, so one may be looked at in vain.
 *
 * The scheduler can arm a place with a request for an executor to work for its queue.
 * Who wishes first submits that, and so wakes an executor without any detour.
 *
 * A claim is a job that an executor is about to run, or runs: others leave it
 * alone.  Who is held up by the one that it runs says so, and the scheduler takes the
 * others back; who was held up looks anew afterwards.
 *
 * The start of a queue is a place in the order of its jobs: all before it are
 * claimed, or gone.  Who makes a job ready that comes before it moves it there.
 */
#ifndef RT_IPC_JOB_H
#define RT_IPC_JOB_H

#include "src/compat.h"

#include "utils/timestamp.h"

#include "src/ipc/request.h"

#define RT_JOB_PLACES 256		/* of wishes */
#define RT_JOB_BATCH_MAX 64		/* claims of an executor */
#define RT_JOB_PROGRESS_MAX 1000	/* bytes of JSON */
#define RT_JOB_FIRST PG_INT64_MIN	/* the start of a queue of which nothing is known */
#define RT_JOB_LAST (PG_INT64_MAX - 1)	/* behind every start */

extern Size rt_jobs_size(void);
extern int	rt_jobs_locks(void);
extern void rt_jobs_init(void);

/*
 * The place of a queue, another hash that tells queues of a place apart, and the key
 * of the time that its jobs are expected to take (expected_time.h).
 */
extern int	rt_job_place(const char *queue);
extern uint64 rt_job_queue_hash(const char *queue);
extern uint32 rt_job_time_key(const char *queue);

/* ---- wishes; none of these fails, waits or allocates ---- */

/* One for a queue, or for all; wakes an executor, or the scheduler. */
extern void rt_jobs_want(int place);
extern void rt_jobs_want_all(void);

/*
 * Scheduler: arms a place with a request that is filled, and takes it back; NULL if
 * it has been submitted.
 */
extern void rt_jobs_arm(int place, RtRequest *request);
extern RtRequest *rt_jobs_disarm(int place);

/* Scheduler: whether there is any; takes that of a place. */
extern bool rt_jobs_are_wanted(void);
extern void rt_jobs_begin_look(void);
extern bool rt_jobs_take_wish(int place);

/*
 * A job is to be made ready at a time, once that is committed.  The scheduler
 * forgets what it knows before it looks into the table, and says what it has found.
 */
extern void rt_jobs_note_due(TimestampTz at);
extern TimestampTz rt_jobs_due(void);	/* DT_NOEND = none */
extern void rt_jobs_forget_due(void);

/* ---- the start of a queue ---- */

/*
 * One at a time may move it: a mover, which is an executor's number or that of a
 * session.  begin returns where to begin to look, and whether end is to be called (a
 * snapshot is taken in between); end moves the start to a place before which nothing
 * was left, unless something has come meanwhile.
 */
extern int	rt_job_mover_of_session(void);
extern int64 rt_job_start_begin(int mover, int place, uint64 queue_hash,
								bool *is_mine);
extern void rt_job_start_end(int place, int64 start);

/*
 * Whether it is as long as that since somebody was told so, who then looks before
 * the start for what nobody has told of.
 */
extern bool rt_job_start_is_old(int place, int ms);

/* This mover ends, perhaps in between. */
extern void rt_job_start_leave(int mover);

/* A job at this place of the order is ready, or may be. */
extern void rt_job_start_lower(int place, int64 start);

/* ---- claims ---- */

/* For qsort() and bsearch() of ids. */
extern int	rt_job_compare_ids(const void *a, const void *b);

/* All of others, in order. */
extern int	rt_jobs_claimed(int executor, int64 *ids, int max);

/* Where claims are: the queue, and the place in its order of the first. */
typedef struct RtJobSpan
{
	uint64		queue_hash;
	int64		first;
} RtJobSpan;

/*
 * An executor's own: sets them (those that others have claimed meanwhile are
 * taken out of ids; returns how many are left), begins with one, says whether it has
 * its row, ends with it, and gives up what is left.
 */
extern int	rt_jobs_claim(int executor, const RtJobSpan *span, int64 *ids, int count);
extern void rt_job_begin(int executor, int64 id, TimestampTz now);
extern void rt_job_set_locked(int executor, bool is_locked);
extern bool rt_job_is_cancelled(int executor);
extern bool rt_job_end(int executor);	/* whether it is to be cancelled */
extern void rt_jobs_unclaim(int executor);
extern void rt_job_unclaim(int executor, int64 id); /* it alone */
extern int64 rt_job_running(int executor);	/* 0 = none */

/*
 * Its own, from a signal handler: what it runs takes long.  It keeps nobody from what
 * it has claimed besides, and is not to begin with that.  Nothing if it has claimed nothing.
 */
extern void rt_job_hold_up(int executor);
extern bool rt_job_is_held_up(int executor);

/* How many jobs of a queue executors have the rows of. */
extern int	rt_jobs_run_now(uint64 queue_hash);

/* Scheduler: how many are, of a queue; takes back what they have claimed, and wishes. */
extern int	rt_jobs_held_up(uint64 queue_hash);
extern void rt_jobs_release_held_up(void);

/* This executor ends; what it was running is remembered as interrupted. */
extern void rt_jobs_leave(int executor);
extern bool rt_jobs_were_interrupted(void); /* any, ever */
extern bool rt_job_take_interrupted(int64 id);

/* Has the executor stop that has its row; or one has begun, and may have it soon, or not. */
typedef enum RtJobCancel
{
	RT_JOB_NOT_RUN,
	RT_JOB_BEGUN,
	RT_JOB_CANCELLED
} RtJobCancel;

extern RtJobCancel rt_job_cancel(int64 id);

/* ---- progress ---- */

extern void rt_job_set_progress(int executor, const char *json, Size len);

typedef struct RtJobRunning
{
	int64		id;
	int			executor;
	int			pid;
	TimestampTz started_at;
	uint32		progress_len;	/* 0 = none */
	char		progress[RT_JOB_PROGRESS_MAX];
} RtJobRunning;

/* The job that an executor runs; false if none. */
extern bool rt_job_read(int executor, RtJobRunning *running);

#endif							/* RT_IPC_JOB_H */

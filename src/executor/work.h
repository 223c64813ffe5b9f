/*
 * work.h
 *		A transaction on behalf of a client.
 */
#ifndef RT_EXECUTOR_WORK_H
#define RT_EXECUTOR_WORK_H

#include "src/compat.h"

#include "portability/instr_time.h"
#include "utils/timestamp.h"

#include "src/errcodes.h"
#include "src/executor/errors.h"
#include "src/ipc/request.h"
#include "src/ipc/session.h"
#include "src/ipc/worker_slot.h"

typedef struct RtWork RtWork;

/* What the executor has to know of a request it has run. */
typedef struct RtWorkResult
{
	bool		failed;
	RtCode		code;			/* what its client is told, if it has failed */
	bool		ran;			/* it was known what to do */
	bool		unavailable;	/* the extension or the caller's role is not there */
	bool		session_is_spoiled; /* it must not run anything else */
	int			waits_ms;		/* > 0: it did not run, and is to be parked */
	RtDurability durability;	/* what the answer waits for */
	instr_time	ended;			/* the transaction */
} RtWorkResult;

struct RtWork
{
	RtRequest  *request;
	const RtSession *session;	/* who the caller is instead of its sender, or NULL */
	const char *user_data;		/* of that one, terminated */
	const char *activity;		/* path or topic, for logs and pg_stat_activity */
	const char *kind;			/* of which its errors are some, where clients choose the
								 * activity; NULL = the activity */

	/*
	 * prepare runs in the transaction as the executor and finds out what to
	 * run.  It returns false if there is nothing: fault says why, if it is a
	 * failure.  run runs as the caller.  Both may raise.  Both run again when
	 * the transaction is retried.
	 */
	bool		(*prepare) (RtWork *work);
	void		(*run) (RtWork *work);

	/*
	 * NULL, or: all of run sees the database as of one moment, and this runs
	 * as the executor just before it, to take that snapshot.
	 */
	void		(*take_snapshot) (RtWork *work);

	/* run sees what is committed at each of its statements, whatever a role wants */
	bool		sees_latest;

	/*
	 * InvalidOid, or whom to run as whatever executors may become: who has
	 * declared what is run, which session must name as its role.
	 */
	Oid			owner;

	bool		keeps_context;	/* of the work before, see context.h */
	bool		as_executor;	/* run is, too: it runs nobody's code */
	bool		is_error_hook;	/* what goes wrong in it is told to nobody */
	bool		is_unattended;	/* no client waits for it, so any error is one of the
								 * operator's */
	bool		may_park;		/* run may give up, see rt_work_give_up() */
	bool		is_unrepeatable;	/* what run has read is gone: no retries */

	/* set by prepare */
	int			timeout_ms;		/* 0 = none; realtime.handler_timeout unless set */
	double		mean_us;		/* expected run time; < 0 = not known */
	bool		read_only;
	bool		flushes;		/* its commit waits for the disk, before others see it */
	bool		unavailable;	/* the extension is not there */

	/* kept up to date by run */
	RtStage		stage;
	const char *parameter;		/* being converted */
	int			waits_ms;		/* > 0: it gives up, and waits for so long */

	RtFault		fault;			/* code NULL = success */
	bool		session_is_spoiled; /* it must not run anything else */

	/* private to work.c */
	const struct RtRoleSettings *settings;	/* of the caller; NULL = none */

	/* the same, of all attempts together */
	TimestampTz started_at;		/* 0 = not yet */
	TimestampTz deadline;		/* 0 = none */
	instr_time	began;			/* run, in the last attempt */
	instr_time	ended;			/* the last attempt */
	RtDurability durability;	/* of what they have seen or done */
};

extern void rt_work_init(RtExecutorCounters *counters);

/* What is run at the moment; NULL = nothing, or not by an executor. */
extern RtWork *rt_work_current(void);

/* Counts a value of a stream. */
extern void rt_work_count_value(RtStreamTier tier);

/* Bytes of plans that are kept (function/role_plan.h). */
extern void rt_work_show_plans(uint64 bytes);

/*
 * The request as if it were another one, for what is run because of it: what has
 * become of it is not that one's.
 */
extern RtRequest *rt_work_copy_request(const RtRequest *request);

/* A copy of the path, or topic, that is asked for. */
extern char *rt_work_path(RtRequest *request);

/*
 * What is to be run for a request, called so in logs: with nothing else that is
 * particular about it.
 */
extern void rt_work_begin(RtWork *work, RtRequest *request, const char *activity,
						  bool (*prepare) (RtWork *work), void (*run) (RtWork *work));

/*
 * Runs it, with retries, in the current memory context.  Afterwards it is
 * committed, or fault says what became of it; nothing is raised.
 */
extern void rt_work_run(RtWork *work);

/*
 * In take_snapshot, for who has had to run for others, with deadlines of their
 * own and nobody watched: the request's deadline begins anew.
 */
extern void rt_work_restart_deadline(RtWork *work);

/*
 * In run, once waits_ms is set: ends it.  There is neither a fault nor an
 * answer; the request is to be parked.
 */
pg_noreturn extern void rt_work_give_up(void);

/* Runs another transaction for the same request, with the same deadline. */
extern void rt_work_continue(RtWork *work);

/*
 * For prepare: brings the declarations up to date.  Returns false, with the
 * fault noted, if the extension is not there.
 */
extern bool rt_work_refresh_declarations(RtWork *work);

/*
 * For prepare, of what changes nothing: whether anybody waits for the result.
 * Returns false, with the fault noted, if the client is gone.
 */
extern bool rt_work_is_wanted(RtWork *work);

/* Tells of errors that have not been logged, if it is time.  Cheap if there are none. */
extern void rt_work_log_rest(void);

/* Answers the client of a work that has failed. */
extern void rt_work_reply_fault(RtWork *work);
extern RtWorkResult rt_work_result(const RtWork *work);

/* The same, added to that of what was run for the same request before. */
extern void rt_work_add_result(RtWorkResult *result, const RtWork *work);

/* How long the last attempt took once prepared, in microseconds. */
extern double rt_work_run_time(const RtWork *work);

#endif							/* RT_EXECUTOR_WORK_H */

/*
 * task.h
 *		Jobs for whose end sessions wait.
 *
 * A transaction cannot commit a job and wait for it, so a session asks the
 * scheduler to enqueue it.  Each session has a place for one: ASKED -> PUT, with the
 * job's id, or REFUSED.  Then it looks into the table whenever it is woken,
 * because a job that somebody waits for is over.
 */
#ifndef RT_IPC_TASK_H
#define RT_IPC_TASK_H

#include "src/compat.h"

typedef enum RtTaskState
{
	RT_TASK_NONE,
	RT_TASK_ASKED,
	RT_TASK_PUT,
	RT_TASK_REFUSED				/* the queue is gone */
} RtTaskState;

extern Size rt_tasks_size(void);
extern void rt_tasks_init(void);

/* ---- of a session ---- */

/*
 * Texts are terminated; all but the first may be NULL.  Returns false if the payload
 * memory is used up.  What is asked must be ended.
 */
extern bool rt_task_ask(const char *queue, const char *user_id,
						const char *request_id, const char *input);
extern RtTaskState rt_task_state(int64 *job);
extern void rt_task_end(void);

/* ---- of the scheduler ---- */

typedef struct RtTaskAsked
{
	int			place;
	uint64		count;			/* which one of that place */
	char	   *queue;			/* palloc'd, as the next */
	char	   *user_id;		/* NULL = none, as the next */
	char	   *request_id;
	char	   *input;			/* JSON; NULL = NULL */
} RtTaskAsked;

extern bool rt_tasks_are_asked(void);

/* The next one behind a place, -1 for the first; false if there is none. */
extern bool rt_task_read(int after, RtTaskAsked *asked);

/* Its job is committed; 0 = it could not be. */
extern void rt_task_answer(const RtTaskAsked *asked, int64 job);

/* ---- of everybody ---- */

/* A job is over that somebody may wait for.  Neither fails nor waits long. */
extern void rt_tasks_look(void);

#endif							/* RT_IPC_TASK_H */

/*
 * task.c
 *		Jobs for whose end sessions wait.
 *
 * One lock protects all places; it is held while a text is copied.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#include "src/ipc/payload.h"
#include "src/ipc/task.h"
#include "src/ipc/worker_slot.h"

typedef struct Place
{
	RtTaskState state;
	uint64		count;			/* of what has been asked */
	int64		job;			/* PUT */
	bool		has_user;
	bool		has_request;
	bool		has_input;
	RtSharedText text;			/* queue, user, request and input, each with its end */
} Place;

typedef struct Area
{
	LWLock	   *lock;
	pg_atomic_uint32 asked;		/* bool: look */
	pg_atomic_uint32 waiting;	/* places that are not NONE */
	Place		places[FLEXIBLE_ARRAY_MEMBER];
} Area;

static Area *area = NULL;

/* Sessions have numbers below this. */
static int
place_count(void)
{
	return MaxBackends;
}

Size
rt_tasks_size(void)
{
	return add_size(offsetof(Area, places), mul_size(place_count(), sizeof(Place)));
}

void
rt_tasks_init(void)
{
	bool		found;

	area = ShmemInitStruct("realtime tasks", rt_tasks_size(), &found);
	if (found)
		return;
	area->lock = &GetNamedLWLockTranche("RealtimeTask")->lock;
	pg_atomic_init_u32(&area->asked, 0);
	pg_atomic_init_u32(&area->waiting, 0);
	for (int i = 0; i < place_count(); i++)
	{
		area->places[i].state = RT_TASK_NONE;
		area->places[i].count = 0;
		rt_shared_text_init(&area->places[i].text);
	}
}

/* ---- of a session ---- */

static Place *
my_place(void)
{
	Assert(RT_MY_PROC_NUMBER < place_count());
	return &area->places[RT_MY_PROC_NUMBER];
}

static Size
append(char *to, Size at, const char *text)
{
	if (text != NULL)
		strcpy(to + at, text);
	return text != NULL ? at + strlen(text) + 1 : at;
}

static Size
size_of(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 0;
}

static bool
fill_place(Place *place, const char *queue, const char *user_id, const char *request_id,
		   const char *input)
{
	Size		size = size_of(queue) + size_of(user_id) + size_of(request_id) + size_of(input);
	char	   *text = size <= PG_INT32_MAX ? rt_shared_text_reserve(&place->text, size) : NULL;
	Size		at;

	if (text == NULL)
		return false;
	at = append(text, append(text, 0, queue), user_id);
	(void) append(text, append(text, at, request_id), input);
	place->has_user = user_id != NULL;
	place->has_request = request_id != NULL;
	place->has_input = input != NULL;
	place->count++;
	place->state = RT_TASK_ASKED;
	return true;
}

bool
rt_task_ask(const char *queue, const char *user_id, const char *request_id,
			const char *input)
{
	bool		done;

	rt_payload_attach();
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	done = fill_place(my_place(), queue, user_id, request_id, input);
	LWLockRelease(area->lock);
	if (!done)
		return false;
	pg_atomic_fetch_add_u32(&area->waiting, 1);
	pg_atomic_exchange_u32(&area->asked, 1);
	rt_worker_wake(RT_WORKER_SCHEDULER, 0);
	return true;
}

RtTaskState
rt_task_state(int64 *job)
{
	RtTaskState state;

	LWLockAcquire(area->lock, LW_SHARED);
	state = my_place()->state;
	*job = my_place()->job;
	LWLockRelease(area->lock);
	return state;
}

void
rt_task_end(void)
{
	Place	   *place = my_place();
	bool		had_any;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	had_any = place->state != RT_TASK_NONE;
	if (had_any)
		rt_shared_text_free(&place->text);
	place->state = RT_TASK_NONE;
	LWLockRelease(area->lock);
	if (had_any)
		pg_atomic_fetch_sub_u32(&area->waiting, 1);
}

/* ---- of the scheduler ---- */

bool
rt_tasks_are_asked(void)
{
	return pg_atomic_read_u32(&area->asked) != 0;
}

/* The next text, or NULL if it has not been given. */
static char *
take_text(const char **text, bool is_given)
{
	char	   *copy = is_given ? pstrdup(*text) : NULL;

	*text += is_given ? strlen(*text) + 1 : 0;
	return copy;
}

static void
copy_place(Place *place, RtTaskAsked *asked)
{
	const char *text = rt_shared_text_get(&place->text);

	asked->count = place->count;
	asked->queue = take_text(&text, true);
	asked->user_id = take_text(&text, place->has_user);
	asked->request_id = take_text(&text, place->has_request);
	asked->input = take_text(&text, place->has_input);
}

/* The mark is taken away before the look: who asks then is seen, or sets it again. */
bool
rt_task_read(int after, RtTaskAsked *asked)
{
	int			number = after + 1;
	bool		found = false;

	if (after < 0)
		pg_atomic_exchange_u32(&area->asked, 0);
	LWLockAcquire(area->lock, LW_SHARED);
	while (number < place_count() && area->places[number].state != RT_TASK_ASKED)
		number++;
	found = number < place_count();
	if (found)
	{
		asked->place = number;
		copy_place(&area->places[number], asked);
	}
	LWLockRelease(area->lock);
	return found;
}

void
rt_task_answer(const RtTaskAsked *asked, int64 job)
{
	Place	   *place = &area->places[asked->place];

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	if (place->state == RT_TASK_ASKED && place->count == asked->count)
	{
		place->state = job != 0 ? RT_TASK_PUT : RT_TASK_REFUSED;
		place->job = job;
		SetLatch(&RT_PROC_BY_NUMBER(asked->place)->procLatch);
	}
	LWLockRelease(area->lock);
}

/* ---- of everybody ---- */

void
rt_tasks_look(void)
{
	pg_memory_barrier();
	if (pg_atomic_read_u32(&area->waiting) == 0)
		return;
	LWLockAcquire(area->lock, LW_SHARED);
	for (int i = 0; i < place_count(); i++)
	{
		if (area->places[i].state == RT_TASK_PUT)
			SetLatch(&RT_PROC_BY_NUMBER(i)->procLatch);
	}
	LWLockRelease(area->lock);
}

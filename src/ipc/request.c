/*
 * request.c
 *		The pool of request slots and the lists of answers.
 *
 * Locks, all spinlocks, never held together: the pool's lock protects the
 * free list, each owner's lock its list of answers, and the queue has its own
 * (request_queue.c).  Chains are built before a lock is taken and walked after
 * it is released, so that a few instructions are all that runs inside.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/parking.h"
#include "src/ipc/request.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/session.h"
#include "src/ipc/worker_slot.h"

/* A chain of slots by index. */
typedef struct Chain
{
	int			head;			/* RT_REQUEST_NONE = empty */
	int			tail;
} Chain;

typedef struct AnswerList
{
	slock_t		lock;			/* protects the rest, but for the atomics */
	uint32		generation;		/* of the owner that reads it; 0 = none */
	Chain		answers;
	uint32		seen;			/* of the announcements; the owner's own */
	uint32		overdue_seen;	/* the same, of the next */
	pg_atomic_uint32 overdue;	/* counts requests that became so */
	pg_atomic_uint32 announced; /* counts announcements */
	pg_atomic_uint32 in_flight; /* slots taken for this owner */
} AnswerList;

typedef struct RequestPool
{
	slock_t		lock;			/* protects free */
	int			free;			/* first of the free list */
	pg_atomic_uint32 in_use;
	pg_atomic_uint32 awaiting_standbys; /* of them */
	AnswerList	owners[RT_OWNERS];
	RtRequest	slots[FLEXIBLE_ARRAY_MEMBER];
} RequestPool;

static RequestPool *pool = NULL;

int
rt_request_number(const RtRequest *request)
{
	return (int) (request - pool->slots);
}

RtRequest *
rt_request_at(int number)
{
	return &pool->slots[number];
}

Size
rt_requests_size(void)
{
	return add_size(offsetof(RequestPool, slots),
					mul_size(sizeof(RtRequest), realtime_queue_depth));
}

static void
init_slot(RtRequest *request, int next)
{
	request->state = RT_REQUEST_FREE;
	request->next = next;
	request->in_line = false;
	rt_shared_text_init(&request->text);
	rt_shared_text_init(&request->answer);
}

static void
init_answers(AnswerList *list)
{
	SpinLockInit(&list->lock);
	list->generation = 0;
	list->answers.head = list->answers.tail = RT_REQUEST_NONE;
	list->seen = list->overdue_seen = 0;
	pg_atomic_init_u32(&list->overdue, 0);
	pg_atomic_init_u32(&list->announced, 0);
	pg_atomic_init_u32(&list->in_flight, 0);
}

void
rt_requests_init(void)
{
	bool		found;

	pool = ShmemInitStruct("realtime requests", rt_requests_size(), &found);
	if (found)
		return;

	SpinLockInit(&pool->lock);
	pg_atomic_init_u32(&pool->in_use, 0);
	pg_atomic_init_u32(&pool->awaiting_standbys, 0);
	for (int i = 0; i < RT_OWNERS; i++)
		init_answers(&pool->owners[i]);
	pool->free = 0;
	for (int i = 0; i < realtime_queue_depth; i++)
		init_slot(&pool->slots[i],
				  i + 1 < realtime_queue_depth ? i + 1 : RT_REQUEST_NONE);
}

/* ---- chains ---- */

static void
chain_push(Chain *chain, RtRequest *request)
{
	int			index = rt_request_number(request);

	request->next = RT_REQUEST_NONE;
	if (chain->head == RT_REQUEST_NONE)
		chain->head = index;
	else
		pool->slots[chain->tail].next = index;
	chain->tail = index;
}

/* Puts a whole chain behind another. */
static void
chain_append(Chain *chain, const Chain *more)
{
	if (more->head == RT_REQUEST_NONE)
		return;
	if (chain->head == RT_REQUEST_NONE)
		chain->head = more->head;
	else
		pool->slots[chain->tail].next = more->head;
	chain->tail = more->tail;
}

/* ---- owners ---- */

/*
 * A process that leaves looks at all slots without a lock, for those that are
 * its own.  So a slot's owner is written before the state that makes it the
 * owner, and read after it: a slot that changes hands meanwhile is never taken
 * for that of its last owner.
 */
static void
set_owned_state(RtRequest *request, RtRequestState state)
{
	pg_write_barrier();
	*(volatile RtRequestState *) &request->state = state;
}

static RtRequestState
owned_state(const RtRequest *request)
{
	RtRequestState state = *(const volatile RtRequestState *) &request->state;

	pg_read_barrier();
	return state;
}

/* ---- owner's side ---- */

void
rt_answers_open(int owner, uint32 owner_generation)
{
	AnswerList *list = &pool->owners[owner];

	SpinLockAcquire(&list->lock);
	list->generation = owner_generation;
	SpinLockRelease(&list->lock);
}

RtRequest *
rt_request_begin(int owner, uint32 owner_generation)
{
	RtRequest  *request = NULL;

	SpinLockAcquire(&pool->lock);
	if (pool->free != RT_REQUEST_NONE)
	{
		request = &pool->slots[pool->free];
		pool->free = request->next;
	}
	SpinLockRelease(&pool->lock);
	if (request == NULL)
		return NULL;

	request->asked.session = RT_SESSION_ANONYMOUS;
	request->owner = owner;
	request->owner_generation = owner_generation;
	set_owned_state(request, RT_REQUEST_FILLING);
	request->flow = 0;
	request->answer_kind = RT_ANSWER_NONE;
	request->answer_position = 0;
	request->answer_changes = 0;
	request->answer_query = 0;
	request->answer_says_changes = false;
	request->answer_session = RT_SESSION_NONE;
	request->answer_status = 0;
	request->answer_alike = request->answer_too_large = false;
	request->durability = RT_DURABLE;
	request->awaits_standbys = false;
	request->overdue = request->told = false;
	rt_parking_forget(request);
	rt_limit_note(RT_LIMIT_QUEUE_DEPTH, pg_atomic_add_fetch_u32(&pool->in_use, 1));
	pg_atomic_fetch_add_u32(&pool->owners[owner].in_flight, 1);
	return request;
}

void
rt_request_cancel(RtRequest *request)
{
	rt_requests_free(&request, 1);
}

void
rt_request_set_armed(RtRequest *request)
{
	set_owned_state(request, RT_REQUEST_ARMED);
}

/* ---- answers ---- */

int
rt_answers_take(int owner, RtRequest **out, int max)
{
	AnswerList *list = &pool->owners[owner];
	Chain		taken;
	int			n = 0;

	list->seen = pg_atomic_read_u32(&list->announced);
	pg_read_barrier();
	if (list->answers.head == RT_REQUEST_NONE)
		return 0;

	SpinLockAcquire(&list->lock);
	taken = list->answers;
	list->answers.head = list->answers.tail = RT_REQUEST_NONE;
	SpinLockRelease(&list->lock);

	while (taken.head != RT_REQUEST_NONE && n < max)
	{
		out[n] = &pool->slots[taken.head];
		out[n]->state = RT_REQUEST_READING;
		taken.head = out[n]->next;
		n++;
	}
	if (taken.head != RT_REQUEST_NONE)
	{
		/* the rest goes back to the front */
		SpinLockAcquire(&list->lock);
		chain_append(&taken, &list->answers);
		list->answers = taken;
		SpinLockRelease(&list->lock);
		list->seen--;			/* there is more */
	}
	return n;
}

/* What is announced after this look sets the owner's latch. */
bool
rt_answers_pending(int owner)
{
	AnswerList *list = &pool->owners[owner];

	return pg_atomic_read_u32(&list->announced) != list->seen;
}

/* Rare, so all slots may be looked at. */
int
rt_requests_take_overdue(int owner, uint32 owner_generation,
						 RtRequest **out, int max)
{
	AnswerList *list = &pool->owners[owner];
	uint32		overdue = pg_atomic_read_u32(&list->overdue);
	int			n = 0;

	if (list->overdue_seen == overdue)
		return 0;
	pg_read_barrier();
	for (int i = 0; i < realtime_queue_depth && n < max; i++)
	{
		RtRequest  *request = &pool->slots[i];

		if (owned_state(request) == RT_REQUEST_RUNNING &&
			request->owner == owner &&
			request->owner_generation == owner_generation &&
			request->overdue && !request->told)
			out[n++] = request;
	}
	if (n < max)
		list->overdue_seen = overdue;
	return n;
}

void
rt_requests_free(RtRequest **requests, int n)
{
	Chain		chain = {RT_REQUEST_NONE, RT_REQUEST_NONE};

	if (n == 0)
		return;
	for (int i = 0; i < n; i++)
	{
		rt_parking_leave(requests[i]);
		rt_session_release(requests[i]->asked.session, RT_SESSION_REQUEST);
		rt_session_release(requests[i]->answer_session, RT_SESSION_REQUEST);
		rt_shared_text_free(&requests[i]->text);
		rt_shared_text_free(&requests[i]->answer);
		if (requests[i]->awaits_standbys)
			pg_atomic_fetch_sub_u32(&pool->awaiting_standbys, 1);
		pg_atomic_fetch_sub_u32(&pool->owners[requests[i]->owner].in_flight, 1);
		requests[i]->state = RT_REQUEST_FREE;
		chain_push(&chain, requests[i]);
	}
	pg_atomic_fetch_sub_u32(&pool->in_use, n);

	SpinLockAcquire(&pool->lock);
	pool->slots[chain.tail].next = pool->free;
	pool->free = chain.head;
	SpinLockRelease(&pool->lock);
}

int
rt_requests_in_flight(int owner)
{
	return (int) pg_atomic_read_u32(&pool->owners[owner].in_flight);
}

int
rt_requests_in_use(void)
{
	return (int) pg_atomic_read_u32(&pool->in_use);
}

/* ---- executor side ---- */

void
rt_request_start(RtRequest *request, int executor)
{
	request->executor = executor;
	set_owned_state(request, RT_REQUEST_RUNNING);
}

bool
rt_request_is_wanted(const RtRequest *request)
{
	return pool->owners[request->owner].generation == request->owner_generation;
}

void
rt_request_set_parked(RtRequest *request)
{
	set_owned_state(request, RT_REQUEST_PARKED);
}

static void
wake_owner(int owner)
{
	if (owner == RT_OWNER_SCHEDULER)
		rt_worker_wake(RT_WORKER_SCHEDULER, 0);
	else
		rt_worker_wake(RT_WORKER_GATEWAY, owner);
}

/* In a signal handler. */
void
rt_request_set_overdue(RtRequest *request)
{
	request->overdue = true;
	pg_write_barrier();
	pg_atomic_fetch_add_u32(&pool->owners[request->owner].overdue, 1);
	wake_owner(request->owner);
}

static void
note_wait(RtRequest *request)
{
	if (request->durability.mode == SYNC_REP_NO_WAIT)
		return;
	request->awaits_standbys = true;
	pg_atomic_fetch_add_u32(&pool->awaiting_standbys, 1);
}

/* What was asked for by an earlier life of its owner is freed. */
void
rt_answer_put(RtRequest *request)
{
	AnswerList *list = &pool->owners[request->owner];
	bool		accepted;

	note_wait(request);
	request->state = RT_REQUEST_ANSWERED;

	SpinLockAcquire(&list->lock);
	accepted = list->generation == request->owner_generation;
	if (accepted)
		chain_push(&list->answers, request);
	SpinLockRelease(&list->lock);

	if (!accepted)
		rt_requests_free(&request, 1);
}

void
rt_answers_announce(uint32 owners)
{
	for (int owner = 0; owner < RT_OWNERS; owner++)
	{
		if ((owners & rt_owner_bit(owner)) == 0)
			continue;
		pg_atomic_fetch_add_u32(&pool->owners[owner].announced, 1);
		wake_owner(owner);
	}
}

bool
rt_answers_crowd_for_standbys(void)
{
	return pg_atomic_read_u32(&pool->awaiting_standbys) >= realtime_queue_depth / 2;
}

/* Answers without the work that was asked for. */
static void
answer_at_once(RtRequest *request, RtAnswerKind kind)
{
	uint32		owner = rt_owner_bit(request->owner);

	request->answer_kind = kind;
	request->durability = RT_DURABLE;
	rt_answer_put(request);
	rt_answers_announce(owner);
}

/* ---- deaths ---- */

static void
free_chain(Chain chain)
{
	while (chain.head != RT_REQUEST_NONE)
	{
		RtRequest  *request = &pool->slots[chain.head];

		chain.head = request->next;
		rt_requests_free(&request, 1);
	}
}

void
rt_requests_abandon(int owner, uint32 owner_generation)
{
	AnswerList *list = &pool->owners[owner];
	Chain		answered;

	/* from here on executors free what they answer to us */
	SpinLockAcquire(&list->lock);
	list->generation = 0;
	answered = list->answers;
	list->answers.head = list->answers.tail = RT_REQUEST_NONE;
	SpinLockRelease(&list->lock);
	free_chain(answered);

	/* slots that this process was filling or reading: no one else has them */
	for (int i = 0; i < realtime_queue_depth; i++)
	{
		RtRequest  *request = &pool->slots[i];
		RtRequestState state = owned_state(request);

		if ((state == RT_REQUEST_FILLING || state == RT_REQUEST_READING) &&
			request->owner == owner &&
			request->owner_generation == owner_generation)
			rt_requests_free(&request, 1);
	}
}

void
rt_requests_fail_executor(int executor)
{
	(void) rt_executor_leave(executor);
	for (int i = 0; i < realtime_queue_depth; i++)
	{
		RtRequest  *request = &pool->slots[i];

		if (owned_state(request) != RT_REQUEST_RUNNING ||
			request->executor != executor)
			continue;
		rt_parking_leave(request);
		rt_shared_text_free(&request->answer);
		answer_at_once(request, RT_ANSWER_FAILED);
	}
}

void
rt_requests_refuse_queued(RtAnswerKind kind)
{
	RtRequest  *request;

	rt_parking_clear();
	/* no more than there can be: others may go on asking */
	for (int i = 0; i < realtime_queue_depth && (request = rt_request_unqueue()) != NULL; i++)
	{
		answer_at_once(request, kind);
	}
}

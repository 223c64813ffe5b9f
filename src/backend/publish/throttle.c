/*
 * throttle.c
 *		realtime.throttle() and realtime.debounce(): from the call to the end of
 *		its transaction.
 *
 * What a transaction has called is kept by key: topic and event, as they were given,
 * whichever of the two it was and whatever a pipe has made of it.  Of each key it needs the first value, which may be published with
 * the transaction (a throttle's only), and the last, which may have to wait.  So a transaction
 * that calls a million times for one key keeps two values of it; plus one for
 * each subtransaction that is open, as a rolled back one uncovers what was the
 * last value before it.
 *
 *	- call: all checks of publish(); the first value of a throttle becomes a
 *	  pending event like any other, so that it keeps its place among them;
 *	- PRE_COMMIT: the timers of the keys are held (src/ipc/timer.h), which
 *	  says who leads.  Who does not, has the event taken out of the pending
 *	  ones; what waits gets its room in the payload memory.  If there is no
 *	  room, nothing waits: it is published at once;
 *	- COMMIT: what waits is handed to the timers.  Nothing there allocates,
 *	  waits or fails;
 *	- ABORT: the timers are let go.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/backend/publish/coalesce_key.h"
#include "src/backend/publish/entry.h"
#include "src/backend/publish/publish.h"
#include "src/backend/publish/throttle.h"
#include "src/backend/txn_stack.h"
#include "src/catalog/interval.h"
#include "src/ipc/timer.h"
#include "src/protocol/topic.h"

#define LONGEST_MS (24 * 60 * 60 * 1000)	/* of an interval or a silence */

StaticAssertDecl(RT_TIMER_NAME_MAX >= RT_TOPIC_MAX &&
				 RT_TIMER_NAME_MAX >= RT_EVENT_MAX,
				 "timers have room for names");

/* What this transaction has called for one key. */
typedef struct Call
{
	RtTimerKey	key;
	dlist_node	node;			/* in calls */
	dlist_head	values;			/* Value, in the order of their numbers */

	/* from PRE_COMMIT on */
	bool		held;			/* the timer is */
	RtTimerCommit commit;
} Call;

typedef struct Value
{
	dlist_node	node;			/* in the call's values */
	dlist_node	order;			/* in values */
	Call	   *call;
	uint64		number;			/* counted in this transaction */
	RtTimerKind kind;
	bool		pending;		/* a pending event, too: the first of a throttle */
	Size		position;		/* of that */
	int64		wait_us;
	Size		reserve;		/* in the pending events, if it cannot wait */
	Size		event_len;
	Size		data_len;
	char		texts[FLEXIBLE_ARRAY_MEMBER];	/* the event's name, its data */
} Value;

typedef struct CallEntry
{
	const RtTimerKey *key;
	uint32		hash;
	char		status;
	Call	   *call;
} CallEntry;

static bool keys_equal(const RtTimerKey *a, const RtTimerKey *b);

#define SH_PREFIX call_table
#define SH_ELEMENT_TYPE CallEntry
#define SH_KEY_TYPE const RtTimerKey *
#define SH_KEY key
#define SH_HASH_KEY(tb, key) rt_timer_hash(key)
#define SH_EQUAL(tb, a, b) keys_equal(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Of the current transaction; context NULL = nothing has been called. */
typedef struct Throttled
{
	MemoryContext context;
	call_table_hash *table;
	dlist_head	calls;			/* in the order of their first calls */
	dlist_head	values;			/* of all, in the order of their numbers */
	uint64		next_number;
	Size		reserved;		/* of all values */
	bool		closed;			/* PRE_COMMIT has been */
} Throttled;

static void on_transaction(XactEvent event, void *arg);
static void cut_values(uint64 begin);
static void join_values(uint64 begin, uint64 parent_begin);

static Throttled throttled;
static RtTxnStack value_stack = {.cut = cut_values, .join = join_values};

PG_FUNCTION_INFO_V1(realtime_throttle);
PG_FUNCTION_INFO_V1(realtime_debounce);

void
rt_throttle_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	rt_txn_stack_install(&value_stack);
}

/* ---- values ---- */

static bool
keys_equal(const RtTimerKey *a, const RtTimerKey *b)
{
	return a->topic_len == b->topic_len &&
		a->event_len == b->event_len &&
		memcmp(a->topic, b->topic, a->topic_len) == 0 &&
		memcmp(a->event, b->event, a->event_len) == 0;
}

static void
begin_throttled(void)
{
	MemoryContext context;

	if (throttled.context != NULL)
		return;
	context = AllocSetContextCreate(TopTransactionContext, "realtime throttle",
									ALLOCSET_DEFAULT_SIZES);
	throttled.table = call_table_create(context, 16, NULL);
	dlist_init(&throttled.calls);
	dlist_init(&throttled.values);
	throttled.context = context;
}

static char *
copy_text(const char *text, Size len)
{
	char	   *copy = MemoryContextAlloc(throttled.context, Max(len, 1));

	memcpy(copy, text, len);
	return copy;
}

static Call *
find_call(const RtEvent *event, const text *given)
{
	RtTimerKey	key = {
		.topic = event->topic, .topic_len = event->topic_len,
		.event = VARDATA_ANY(given), .event_len = VARSIZE_ANY_EXHDR(given)
	};
	CallEntry  *entry;
	Call	   *call;
	bool		found;

	begin_throttled();
	entry = call_table_lookup(throttled.table, &key);
	if (entry != NULL)
		return entry->call;

	call = MemoryContextAllocZero(throttled.context, sizeof(Call));
	call->key = key;
	call->key.topic = copy_text(key.topic, key.topic_len);
	call->key.event = copy_text(key.event, key.event_len);
	dlist_init(&call->values);
	call_table_insert(throttled.table, &call->key, &found)->call = call;
	dlist_push_tail(&throttled.calls, &call->node);
	return call;
}

static Value *
first_value(Call *call)
{
	return dlist_is_empty(&call->values) ? NULL :
		dlist_head_element(Value, node, &call->values);
}

static Value *
last_value(Call *call)
{
	return dlist_is_empty(&call->values) ? NULL :
		dlist_tail_element(Value, node, &call->values);
}

static void
drop_value(Value *value)
{
	throttled.reserved -= value->reserve;
	rt_pending_reserve(throttled.reserved);
	dlist_delete(&value->node);
	dlist_delete(&value->order);
	pfree(value);
}

/* Drops a value that another one of the same level, from begin on, replaces. */
static void
drop_replaced(Value *by, uint64 begin)
{
	Value	   *before;

	if (!dlist_has_prev(&by->call->values, &by->node))
		return;
	before = dlist_container(Value, node, dlist_prev_node(&by->call->values, &by->node));
	if (!before->pending && before->number >= begin)
		drop_value(before);
}

/* What an event may take at most: its topic may be given numbers meanwhile. */
static Size
size_to_reserve(const RtEvent *event)
{
	RtEvent		numbered = *event;

	numbered.topic_class = RT_TOPIC_REPLAY;
	return rt_entry_size(&numbered);
}

static void
add_value(Call *call, const RtEvent *event, RtTimerKind kind, int64 wait_us,
		  bool is_pending, Size position)
{
	Value	   *value = MemoryContextAllocHuge(throttled.context,
											   offsetof(Value, texts) + event->event_len +
											   event->data_len);

	value->call = call;
	value->number = throttled.next_number;
	value->kind = kind;
	value->pending = is_pending;
	value->position = position;
	value->wait_us = wait_us;
	value->event_len = event->event_len;
	value->data_len = event->data_len;
	memcpy(value->texts, event->event, event->event_len);
	memcpy(value->texts + event->event_len, event->data, event->data_len);
	dlist_push_tail(&call->values, &value->node);
	dlist_push_tail(&throttled.values, &value->order);
	value->reserve = is_pending ? 0 : size_to_reserve(event);
	throttled.reserved += value->reserve;
	rt_pending_reserve(throttled.reserved);
	rt_txn_stack_note(&value_stack, throttled.next_number++);
	drop_replaced(value, rt_txn_stack_begin(&value_stack));
}

/* ---- the calls ---- */

static int64
checked_wait_us(FunctionCallInfo fcinfo, const char *name)
{
	int64		ms;

	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	if (!rt_interval_ms(PG_GETARG_INTERVAL_P(3), &ms) || ms > LONGEST_MS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", name),
				 errdetail("The longest is one day.")));
	if (ms < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be at least one millisecond", name),
				 errhint("For example: %s => '100 ms'.", name)));
	return ms * 1000;
}

static void
check_room(const RtEvent *event)
{
	if (throttled.closed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot publish while the transaction commits")));
	rt_pending_check_size(rt_pending_position() + size_to_reserve(event));
}

static void
call_for(FunctionCallInfo fcinfo, RtTimerKind kind, const char *wait_name)
{
	RtEvent		event;
	int64		wait_us = checked_wait_us(fcinfo, wait_name);
	Size		position = 0;
	bool		is_first;
	Call	   *call;

	if (!rt_publish_begin() ||
		!rt_publish_make_event(&event,
							   PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0),
							   PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1),
							   PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2)))
		return;
	check_room(&event);
	call = find_call(&event, PG_GETARG_TEXT_PP(1));
	is_first = kind == RT_TIMER_THROTTLE && first_value(call) == NULL;
	if (is_first)
	{
		position = rt_pending_position();
		rt_pending_add(&event);
	}
	else
		rt_pending_check(&event);
	add_value(call, &event, kind, wait_us, is_first, position);
}

Datum
realtime_throttle(PG_FUNCTION_ARGS)
{
	call_for(fcinfo, RT_TIMER_THROTTLE, "every");
	PG_RETURN_VOID();
}

Datum
realtime_debounce(PG_FUNCTION_ARGS)
{
	call_for(fcinfo, RT_TIMER_DEBOUNCE, "after");
	PG_RETURN_VOID();
}

/* ---- subtransactions ---- */

static Value *
newest_value(void)
{
	return dlist_is_empty(&throttled.values) ? NULL :
		dlist_tail_element(Value, order, &throttled.values);
}

static Value *
value_before(Value *value)
{
	return !dlist_has_prev(&throttled.values, &value->order) ? NULL :
		dlist_container(Value, order, dlist_prev_node(&throttled.values, &value->order));
}

static void
join_values(uint64 begin, uint64 parent_begin)
{
	for (Value *value = newest_value();
		 value != NULL && value->number >= begin;
		 value = value_before(value))
		drop_replaced(value, parent_begin);
}

static void
cut_values(uint64 begin)
{
	Value	   *value;

	while ((value = newest_value()) != NULL && value->number >= begin)
		drop_value(value);
}

/* ---- the end of the transaction ---- */

/*
 * Makes a value that cannot wait an event of this transaction.  There is room
 * for it; with a number, which its topic has not had before, it may be too long
 * for a frame.
 */
static void
publish_now(Call *call, Value *value)
{
	RtEvent		event = {
		.topic = call->key.topic, .topic_len = call->key.topic_len,
		.event = value->texts, .event_len = value->event_len,
		.data = value->texts + value->event_len, .data_len = value->data_len
	};

	rt_timers_count_overflow();
	call->commit.published = true;
	if (value->kind == RT_TIMER_THROTTLE)
		call->commit.every_us = value->wait_us;
	if (value->pending)
		return;					/* it is one already */
	rt_publish_resolve(&event);
	rt_coalesce_key(&event, RT_KEY_FUNCTION_LEFT);
	if (rt_pending_fits(&event))
		rt_pending_add(&event);
	else
		rt_pending_add_lost(&event);
}

/*
 * Decides about a key.  If its first value leads it stays a pending event, and
 * the last one waits if it is another one.  Else only the last one waits.
 */
static void
decide_call(Call *call)
{
	RtTimerCommit *commit = &call->commit;
	Value	   *first = first_value(call);
	Value	   *last = last_value(call);

	commit->message = InvalidDsaPointer;
	commit->every_us = first->pending ? first->wait_us : 0;
	commit->kind = last->kind;
	commit->wait_us = last->wait_us;
	commit->timer = rt_timer_hold(&call->key, MyDatabaseId,
								  first->pending ? &commit->leads : NULL);
	if (commit->timer == RT_TIMER_NONE)
	{
		publish_now(call, last);
		return;
	}
	call->held = true;

	commit->published = commit->leads;
	if (commit->leads && last == first)
		return;
	commit->message = rt_timer_message_make(last->texts, last->event_len,
											 last->texts + last->event_len, last->data_len);
	if (!DsaPointerIsValid(commit->message))
		publish_now(call, last);
	else if (first->pending && !commit->leads)
		rt_pending_remove(first->position);
}

void
rt_throttle_precommit(void)
{
	dlist_iter	iter;

	throttled.closed = true;
	if (throttled.context == NULL)
		return;
	rt_pending_reserve(0);		/* now it is needed */
	dlist_foreach(iter, &throttled.calls)
	{
		Call	   *call = dlist_container(Call, node, iter.cur);

		if (first_value(call) != NULL)
			decide_call(call);
	}
}

static void
preprepare_throttle(void)
{
	if (newest_value() != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has published events"),
				 errhint("Use COMMIT, or publish in a transaction of its own.")));
}

/*
 * What leads is in the ring already (see backend.c), so nothing that waits can
 * overtake it.
 *
 * What one transaction leaves is newer than what another one does if its commit
 * is behind the other's in the log.  One without a commit record, which has
 * changed nothing that others could have seen, stands where the log ends.
 */
static void
atcommit_throttle(void)
{
	bool		has_record = TransactionIdIsValid(GetTopTransactionIdIfAny());
	XLogRecPtr	stamp = has_record ? XactLastCommitEnd : GetXLogInsertRecPtr();
	dlist_iter	iter;

	dlist_foreach(iter, &throttled.calls)
	{
		Call	   *call = dlist_container(Call, node, iter.cur);

		if (!call->held)
			continue;
		call->commit.stamp = stamp;
		rt_timer_commit(&call->commit);
	}
}

static void
atabort_throttle(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &throttled.calls)
	{
		Call	   *call = dlist_container(Call, node, iter.cur);

		if (!call->held)
			continue;
		rt_timer_message_free(call->commit.message);
		rt_timer_abort(call->commit.timer, call->commit.leads);
	}
}

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			if (throttled.context != NULL)
				preprepare_throttle();
			break;
		case XACT_EVENT_COMMIT:
			if (throttled.context != NULL)
				atcommit_throttle();
			memset(&throttled, 0, sizeof(throttled));
			break;
		case XACT_EVENT_ABORT:
			if (throttled.context != NULL)
				atabort_throttle();
			memset(&throttled, 0, sizeof(throttled));
			break;
		case XACT_EVENT_PREPARE:
			memset(&throttled, 0, sizeof(throttled));
			break;
		default:
			break;
	}
}

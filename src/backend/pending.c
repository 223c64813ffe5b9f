/*
 * pending.c
 *		The events that the current transaction will publish.
 *
 * They are kept as they will lie in the ring: entries with complete frames, one
 * after the other in a buffer of TopTransactionContext, in the order in which
 * they were published.  So at commit there is nothing left to build:
 *
 *	- publish: the entry is written; what does not fit is refused here;
 *	- end of a subtransaction: its entries are the buffer's tail, because
 *	  subtransactions nest; a mark tells where the tail begins;
 *	- PRE_COMMIT: the locks of the ordered topics are taken;
 *	- COMMIT: the buffer goes to the ring.  Nothing there allocates, waits
 *	  or fails;
 *	- ABORT: it is forgotten.
 *
 * The lock of a topic is a heavyweight lock on the hash of its name, modulo
 * RT_TOPIC_PARTITIONS: an advisory lock with a field4 that SQL cannot make.
 * All are taken in one ascending pass, so publishers do not deadlock among
 * themselves.  They are kept until the transaction is over: whoever commits
 * next on the topic gets the lock after our entries are in the ring.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/memutils.h"

#include "src/backend/publish.h"
#include "src/protocol/frame.h"

#define TOPIC_LOCK_FIELD4 0x5254	/* "RT"; SQL makes 1 and 2 */
#define BUFFER_MIN 1024			/* bytes */
#define MARKS_MIN 8

/* Where the entries of a subtransaction begin. */
typedef struct Mark
{
	int			nest_level;
	Size		begin;
} Mark;

typedef struct Pending
{
	char	   *buffer;			/* whole entries; NULL = nothing published */
	Size		size;
	Size		space;
	Mark	   *marks;			/* of ever deeper levels, all above 1 */
	int			mark_count;
	int			mark_space;
	bool		closed;			/* PRE_COMMIT has been */
} Pending;

static Pending pending;

static void on_transaction(XactEvent event, void *arg);
static void on_subtransaction(SubXactEvent event, SubTransactionId my_id,
							  SubTransactionId parent_id, void *arg);
static void precommit_publish(void);
static void preprepare_publish(void);
static void atcommit_publish(void);
static void atsubcommit_publish(int nest_level);
static void atsubabort_publish(int nest_level);
static void mark_subtransaction(void);
static void make_room(Size more);
static Size write_entry(char *to, const RtEvent *event);
static void lock_topics(void);
static void describe_lock_wait(void *arg);

void
rt_publish_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	RegisterSubXactCallback(on_subtransaction, NULL);
}

void
rt_pending_add(const RtEvent *event)
{
	Size		most;
	Size		size;

	if (pending.closed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot publish while the transaction commits")));

	most = rt_ring_entry_size(event->topic_len,
							  RT_FRAME_HEADROOM + RT_FRAME_OVERHEAD +
							  event->topic_len + event->event_len +
							  event->data_len);
	make_room(most);
	mark_subtransaction();
	size = write_entry(pending.buffer + pending.size, event);
	if (pending.size + size > rt_ring_capacity())
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a transaction cannot publish more than %zu bytes",
						rt_ring_capacity()),
				 errdetail("This is half of realtime.ring_size."),
				 errhint("Publish in several transactions, or publish one event that makes clients load again.")));
	pending.size += size;
}

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (pending.size > 0)
				precommit_publish();
			pending.closed = true;
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (pending.size > 0)
				preprepare_publish();
			break;
		case XACT_EVENT_COMMIT:
			if (pending.size > 0)
				atcommit_publish();
			memset(&pending, 0, sizeof(pending));
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			memset(&pending, 0, sizeof(pending));
			break;
		default:
			break;
	}
}

static void
on_subtransaction(SubXactEvent event, SubTransactionId my_id,
				  SubTransactionId parent_id, void *arg)
{
	if (pending.mark_count == 0)
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		atsubcommit_publish(GetCurrentTransactionNestLevel());
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		atsubabort_publish(GetCurrentTransactionNestLevel());
}

static void
precommit_publish(void)
{
	ErrorContextCallback callback;

	callback.callback = describe_lock_wait;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	lock_topics();
	error_context_stack = callback.previous;
}

static void
preprepare_publish(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot PREPARE a transaction that has published events"),
			 errhint("Use COMMIT, or publish in a transaction of its own.")));
}

/*
 * A commit that the executor flushes later must not be told before that; any
 * other has been made as durable as its session asked for.  A transaction
 * without an id has no commit record, and XactLastCommitEnd is not its own.
 */
static void
atcommit_publish(void)
{
	if (rt_commit_is_pipelined &&
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		for (Size done = 0; done < pending.size;)
		{
			RtRingEntry *entry = (RtRingEntry *) (pending.buffer + done);

			entry->lsn = XactLastCommitEnd;
			done += entry->size;
		}
		rt_commit_published = true;
	}
	rt_ring_append(pending.buffer, pending.size);
}

/* The entries now belong to the parent. */
static void
atsubcommit_publish(int nest_level)
{
	Mark	   *top = &pending.marks[pending.mark_count - 1];

	if (top->nest_level < nest_level)
		return;
	if (nest_level == 2 ||
		(pending.mark_count > 1 && top[-1].nest_level == nest_level - 1))
		pending.mark_count--;
	else
		top->nest_level--;
}

static void
atsubabort_publish(int nest_level)
{
	while (pending.mark_count > 0 &&
		   pending.marks[pending.mark_count - 1].nest_level >= nest_level)
		pending.size = pending.marks[--pending.mark_count].begin;
}

/* Notes where the entries of the current subtransaction begin. */
static void
mark_subtransaction(void)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	Mark	   *mark;

	if (nest_level == 1 ||
		(pending.mark_count > 0 &&
		 pending.marks[pending.mark_count - 1].nest_level == nest_level))
		return;

	if (pending.marks == NULL)
	{
		pending.marks = MemoryContextAlloc(TopTransactionContext,
										   sizeof(Mark) * MARKS_MIN);
		pending.mark_space = MARKS_MIN;
	}
	else if (pending.mark_count == pending.mark_space)
	{
		pending.marks = repalloc(pending.marks,
								 sizeof(Mark) * pending.mark_space * 2);
		pending.mark_space *= 2;
	}
	mark = &pending.marks[pending.mark_count++];
	mark->nest_level = nest_level;
	mark->begin = pending.size;
}

/* Makes the buffer long enough for as many bytes more. */
static void
make_room(Size more)
{
	Size		space = Max(pending.space, BUFFER_MIN);

	if (pending.space - pending.size >= more)
		return;
	while (space - pending.size < more)
		space *= 2;
	if (pending.buffer == NULL)
		pending.buffer = MemoryContextAllocHuge(TopTransactionContext, space);
	else
		pending.buffer = repalloc_huge(pending.buffer, space);
	pending.space = space;
}

/* Returns the entry's size. */
static Size
write_entry(char *to, const RtEvent *event)
{
	RtRingEntry *entry = (RtRingEntry *) to;
	RtText		topic = {event->topic, event->topic_len};
	RtText		name = {event->event, event->event_len};
	RtText		data = {event->data, event->data_len};
	Size		cap = RT_FRAME_OVERHEAD + event->topic_len +
	event->event_len + event->data_len;
	size_t		payload_len;
	size_t		frame_len;
	char	   *begin;
	char	   *frame;

	memset(entry, 0, sizeof(RtRingEntry));
	entry->topic_len = event->topic_len;
	entry->topic_hash = rt_topic_hash(event->topic, event->topic_len);
	entry->topic_class = event->topic_class;
	memcpy(to + sizeof(RtRingEntry), event->topic, event->topic_len);

	begin = to + sizeof(RtRingEntry) + event->topic_len;
	payload_len = rt_payload_event(begin + RT_FRAME_HEADROOM, cap,
								   topic, name, data, 0);
	if (payload_len == 0 || payload_len > RT_FRAME_PAYLOAD_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("event is too long"),
				 errdetail("The event takes %zu bytes, the most are %d.",
						   payload_len, RT_FRAME_PAYLOAD_MAX),
				 errhint("Publish what has changed instead of everything, or only what tells clients to load again.")));
	frame = rt_frame_seal(begin, payload_len, RT_OPCODE_TEXT, &frame_len);
	memmove(begin, frame, frame_len);

	entry->frame_len = frame_len;
	entry->size = rt_ring_entry_size(event->topic_len, frame_len);
	memset(begin + frame_len, 0, to + entry->size - (begin + frame_len));
	return entry->size;
}

/* Takes the locks of all ordered topics, in ascending order. */
static void
lock_topics(void)
{
	bits8		wanted[RT_TOPIC_PARTITIONS / BITS_PER_BYTE] = {0};

	for (Size done = 0; done < pending.size;)
	{
		RtRingEntry *entry = (RtRingEntry *) (pending.buffer + done);
		uint32		partition = rt_topic_partition(entry->topic_hash);

		if (entry->topic_class != RT_TOPIC_VOLATILE)
			wanted[partition / BITS_PER_BYTE] |= 1 << (partition % BITS_PER_BYTE);
		done += entry->size;
	}
	for (uint32 partition = 0; partition < RT_TOPIC_PARTITIONS; partition++)
	{
		LOCKTAG		tag;

		if (partition % BITS_PER_BYTE == 0 &&
			wanted[partition / BITS_PER_BYTE] == 0)
		{
			partition += BITS_PER_BYTE - 1;
			continue;
		}
		if ((wanted[partition / BITS_PER_BYTE] &
			 (1 << (partition % BITS_PER_BYTE))) == 0)
			continue;
		SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, partition, 0, TOPIC_LOCK_FIELD4);
		(void) LockAcquire(&tag, ExclusiveLock, false, false);
	}
}

static void
describe_lock_wait(void *arg)
{
	errcontext("while taking the place of this transaction's events in the order of their topics");
}

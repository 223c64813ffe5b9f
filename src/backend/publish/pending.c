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
 *	  subtransactions nest (src/backend/txn_stack.h);
 *	- PRE_COMMIT: events that have to wait are taken out (throttle.c), as are
 *	  those of rows that others make superfluous (settle.c); the locks of the
 *	  ordered topics are taken, and events of replay topics get their numbers
 *	  and rows (numbering.c);
 *	- COMMIT: the buffer goes to the ring.  Nothing there allocates, waits
 *	  or fails;
 *	- ABORT: it is forgotten.
 *
 * A frame of a replay topic ends with its number, so its entry is written
 * with room for one and its frame is finished when the number is known.
 *
 * The locks (src/ipc/topic_lock.h) are taken in one ascending pass, so
 * publishers do not deadlock among themselves.  They are kept until the
 * transaction is over: whoever commits next on the topic gets the lock after
 * our entries are in the ring.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "utils/memutils.h"

#include "src/backend/publish/early_release.h"
#include "src/backend/publish/entry.h"
#include "src/backend/publish/epoch_end.h"
#include "src/backend/publish/invalidate.h"
#include "src/backend/publish/numbering.h"
#include "src/backend/publish/publish.h"
#include "src/backend/publish/settle.h"
#include "src/backend/publish/throttle.h"
#include "src/backend/txn_stack.h"
#include "src/catalog/declaration.h"
#include "src/ipc/flush_request.h"
#include "src/ipc/number_mark.h"
#include "src/ipc/retention.h"
#include "src/ipc/topic_lock.h"
#include "src/ipc/unflushed.h"

#define BUFFER_MIN 1024			/* bytes */
#define UNNUMBERED_MIN 8
#define HINT_EVENTS_MIN 64		/* on a topic, between hints for retention */
#define RELOADS_KNOWN 32		/* beyond these one may be said twice */
#define ALL_TOPICS "*"

/* Beside RT_RING_*: taken out again; never reaches the ring. */
#define ENTRY_REMOVED 0x80

typedef struct Pending
{
	char	   *buffer;			/* whole entries; NULL = nothing published */
	Size		size;
	Size		space;
	Size		reserved;		/* see rt_pending_reserve() */
	RtUnnumbered *unnumbered;	/* those that need numbers, in order */
	int			unnumbered_count;
	int			unnumbered_space;
	uint64		version;		/* of the declarations that the first saw */
	bool		end_epoch;
	int			end_above;		/* an epoch that is in use elsewhere, or -1 */
	bool		any_many;		/* there may be an RT_RING_MANY */
	bool		any_removed;	/* some entries are ENTRY_REMOVED */
	bool		closed;			/* PRE_COMMIT has been */
	int			reload_count;	/* entries that ask for streams to be loaded */
	Size		reloads[RELOADS_KNOWN]; /* where they are, ascending */
} Pending;


static void on_transaction(XactEvent event, void *arg);
static void cut_entries(uint64 begin);
static void drop_removed(void);
static void precommit_publish(void);
static void forget_events(void);
static void preprepare_publish(void);
static void atcommit_publish(void);
static void add_reload_of_all(void);
static void check_open(void);
static void make_room(Size more);
static RtRingEntry *begin_entry(const RtEvent *event, Size size);
static void end_entry(const RtRingEntry *entry);
static void end_many(RtRingEntry *entry);
static void note_unnumbered(uint32 event_len, int replay_size);
static bool epoch_ends(void);
static bool lock_topics(bool all);
static void describe_lock_wait(void *arg);
static void give_numbers(RtNumbering *numbering);
static RtRingEntry *unnumbered_entry(int i);
static void hint_retention(void);
static void set_durability(RtDurability needed);

static Pending pending;
static RtTxnStack entries = {.cut = cut_entries};	/* bytes of the buffer */

void
rt_publish_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	rt_txn_stack_install(&entries);
}

/* ---- adding ---- */

static bool
has_room(Size size)
{
	return size + pending.reserved <= rt_pending_capacity();
}

void
rt_pending_reserve(Size size)
{
	pending.reserved = size;
}

/* With what it makes others load anew. */
bool
rt_pending_fits(const RtEvent *event)
{
	return rt_entry_payload_max(event) <= RT_FRAME_PAYLOAD_MAX &&
		has_room(pending.size + rt_entry_size(event) +
				 rt_invalidate_room(event->topic, event->topic_len));
}

bool
rt_pending_fits_lost(const RtEvent *event)
{
	return has_room(pending.size + rt_entry_size_lost(event) +
					rt_invalidate_room(event->topic, event->topic_len));
}

bool
rt_pending_fits_template_lost(const char *tpl, Size len)
{
	return has_room(pending.size + rt_ring_entry_size(len, 0) +
					rt_invalidate_room_all());
}

void
rt_pending_check(const RtEvent *event)
{
	Size		longest = rt_entry_payload_max(event);

	check_open();
	if (longest > RT_FRAME_PAYLOAD_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("event is too long"),
				 errdetail("The event takes %zu bytes, the most are %d.",
						   longest, RT_FRAME_PAYLOAD_MAX),
				 errhint("Publish what has changed instead of everything, or only what tells clients to load again.")));
}

void
rt_pending_add(const RtEvent *event)
{
	Size		size = rt_entry_size(event);
	RtRingEntry *entry;

	rt_pending_check(event);
	rt_pending_check_size(pending.size + size);

	entry = begin_entry(event, size);
	rt_entry_write(entry, event);
	if (event->topic_class == RT_TOPIC_REPLAY)
		note_unnumbered(event->event_len, event->replay_size);
	end_entry(entry);
	if (unlikely(rt_declarations_invalidated() != NIL))
		rt_invalidate_by_event(event);
}

void
rt_pending_add_lost(const RtEvent *event)
{
	Size		size = rt_entry_size_lost(event);
	RtRingEntry *entry;

	check_open();
	rt_pending_check_size(pending.size + size);
	entry = begin_entry(event, size);
	entry->flags = RT_RING_LOST;
	if (event->topic_class == RT_TOPIC_REPLAY)
		note_unnumbered(0, event->replay_size);
	end_entry(entry);
	if (unlikely(rt_declarations_invalidated() != NIL))
		rt_invalidate_by_topic(event->topic, event->topic_len);
}

void
rt_pending_add_partition_lost(uint32 partition)
{
	RtEvent		many = {.topic = "", .topic_class = RT_TOPIC_ORDERED};
	Size		size = rt_entry_size_lost(&many);
	RtRingEntry *entry;

	check_open();
	Assert(pending.size + size <= rt_ring_capacity());
	entry = begin_entry(&many, size);
	entry->topic_hash = partition;
	end_many(entry);
	if (unlikely(rt_declarations_invalidated() != NIL))
		add_reload_of_all();
}

/*
 * Takes no lock: whoever loads after it sees what this transaction has done,
 * so its place among events of others does not matter.
 */
void
rt_pending_add_template_lost(const char *tpl, Size len)
{
	RtEvent		many = {.topic = tpl, .topic_len = len, .topic_class = RT_TOPIC_VOLATILE};
	Size		size = rt_entry_size_lost(&many);

	check_open();
	rt_pending_check_size(pending.size + size);
	end_many(begin_entry(&many, size));
	if (unlikely(rt_declarations_invalidated() != NIL))
		rt_invalidate_all();
}

static bool
has_reload(uint8 flag, const char *name, Size len)
{
	for (int i = 0; i < pending.reload_count; i++)
	{
		const RtRingEntry *entry = (RtRingEntry *) (pending.buffer + pending.reloads[i]);

		if (entry->flags == flag && entry->topic_len == len &&
			memcmp(rt_ring_entry_topic(entry), name, len) == 0)
			return true;
	}
	return false;
}

/* The last place is for the one of all streams, which must not be said twice. */
static void
append_reload(uint8 flag, const char *name, Size len, int known_max)
{
	RtEvent		reload = {.topic = name, .topic_len = len, .topic_class = RT_TOPIC_VOLATILE};
	RtRingEntry *entry;

	if (pending.reload_count < known_max)
		pending.reloads[pending.reload_count++] = pending.size;
	entry = begin_entry(&reload, rt_entry_size_lost(&reload));
	entry->flags = flag;
	end_entry(entry);
}

void
rt_pending_add_reload(uint8 flag, const char *name, Size len)
{
	check_open();
	if (has_reload(flag, name, len))
		return;
	rt_pending_check_size(pending.size + rt_ring_entry_size(len, 0));
	append_reload(flag, name, len, RELOADS_KNOWN - 1);
}

/* Nobody knows which topics have changed.  For one of these there is room. */
static void
add_reload_of_all(void)
{
	if (!has_reload(RT_RING_RELOAD_TOPICS, ALL_TOPICS, strlen(ALL_TOPICS)))
		append_reload(RT_RING_RELOAD_TOPICS, ALL_TOPICS, strlen(ALL_TOPICS),
					  RELOADS_KNOWN);
}

void
rt_pending_end_epoch(int above)
{
	check_open();
	pending.end_above = pending.end_epoch ? Max(pending.end_above, above) : above;
	pending.end_epoch = true;
}

Size
rt_pending_size(void)
{
	return pending.size + pending.unnumbered_count * sizeof(RtUnnumbered);
}

Size
rt_pending_position(void)
{
	return pending.size;
}

RtRingEntry *
rt_pending_entry(Size position)
{
	Assert(position < pending.size && !pending.closed);

	return (RtRingEntry *) (pending.buffer + position);
}

void
rt_pending_remove(Size position)
{
	rt_pending_entry(position)->flags |= ENTRY_REMOVED;
	pending.any_removed = true;
}

void
rt_pending_keep(Size position)
{
	rt_pending_entry(position)->flags &= ~ENTRY_REMOVED;
}

/* ---- life of the transaction ---- */

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			rt_throttle_precommit();
			rt_settle_precommit();
			if (pending.any_removed)
				drop_removed();
			if (pending.size > 0 || pending.end_epoch)
				precommit_publish();
			pending.closed = true;
			break;
		case XACT_EVENT_PRE_PREPARE:
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
cut_entries(uint64 begin)
{
	pending.size = begin;
	while (pending.reload_count > 0 &&
		   pending.reloads[pending.reload_count - 1] >= begin)
		pending.reload_count--;
	while (pending.unnumbered_count > 0 &&
		   pending.unnumbered[pending.unnumbered_count - 1].begin >= begin)
		pending.unnumbered_count--;
}

/* Closes the gaps of entries that were removed. */
static void
drop_removed(void)
{
	Size		kept = 0;
	int			kept_notes = 0;
	int			note = 0;
	Size		size;

	for (Size done = 0; done < pending.size; done += size)
	{
		RtRingEntry *entry = (RtRingEntry *) (pending.buffer + done);
		bool		noted = note < pending.unnumbered_count &&
			pending.unnumbered[note].begin == done;
		bool		removed = (entry->flags & ENTRY_REMOVED) != 0;

		size = entry->size;
		if (noted && !removed)
		{
			pending.unnumbered[kept_notes] = pending.unnumbered[note];
			pending.unnumbered[kept_notes++].begin = kept;
		}
		note += noted;
		if (removed)
			continue;
		if (kept != done)
			memmove(pending.buffer + kept, entry, size);
		kept += size;
	}
	pending.size = kept;
	pending.unnumbered_count = kept_notes;
}

static void
precommit_publish(void)
{
	bool		ends = epoch_ends();
	bool		worn = pending.unnumbered_count > 0 && rt_number_mark_is_worn();
	RtNumbering *numbering = NULL;
	ErrorContextCallback callback;

	if (pending.unnumbered_count > 0 || ends)
	{
		numbering = rt_numbering_begin();
		if (numbering == NULL)
		{
			forget_events();
			return;
		}
	}

	callback.callback = describe_lock_wait;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	if (lock_topics(ends || worn))
		rt_early_release_ask();
	error_context_stack = callback.previous;

	/* somebody may have been quicker to end one that is worn */
	if (ends || (worn && rt_number_mark_is_worn()))
		rt_numbering_end_epoch(numbering, pending.end_epoch ? pending.end_above : -1);
	if (numbering != NULL)
		give_numbers(numbering);
}

/*
 * The extension has been dropped: there is nowhere to store events with numbers,
 * and nobody who could get any, as clients are disconnected.
 */
static void
forget_events(void)
{
	pending.size = 0;
	pending.unnumbered_count = 0;
}

static bool
epoch_ends(void)
{
	return (pending.any_many &&
			rt_epoch_ends_by_marks(pending.buffer, pending.size)) ||
		pending.end_epoch ||
		rt_epoch_ends_by_class(pending.buffer, pending.size, pending.version);
}

static void
preprepare_publish(void)
{
	if (pending.size > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has published events"),
				 errhint("Use COMMIT, or publish in a transaction of its own.")));
	if (pending.end_epoch)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has changed the class of topics whose events are kept"),
				 errhint("Use COMMIT, or declare in a transaction of its own.")));
}

/*
 * What must be durable before the events are told: the commit, if there is one,
 * which is behind all that the transaction has seen, or that.  A transaction
 * without an id has no commit record, and XactLastCommitEnd is not its own.
 */
static RtDurability
needed_durability(void)
{
	RtDurability needed = rt_unflushed_seen();

	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		needed.lsn = XactLastCommitEnd;
		needed.mode = Max(needed.mode, rt_own_flush.mode);
	}
	return needed;
}

/*
 * Events wait for a flush whatever synchronous_commit is: they are told to
 * others than those who have chosen not to wait.
 */
static void
atcommit_publish(void)
{
	RtDurability needed = needed_durability();
	bool		wait = !rt_is_durable(needed);

	if (wait)
		set_durability(needed);
	rt_ring_append(pending.buffer, pending.size);
	if (wait && rt_own_flush.waits)
		rt_own_flush.published = needed.lsn;
	else if (wait)
		rt_flush_request(needed.lsn);
	hint_retention();
}

/* ---- the buffer ---- */

static void
check_open(void)
{
	if (pending.closed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot publish while the transaction commits")));
}

/* Markers of all partitions must fit behind the events, and what these entail. */
Size
rt_pending_capacity(void)
{
	return rt_ring_capacity() - RT_TOPIC_PARTITIONS * rt_ring_entry_size(0, 0) -
		rt_ring_entry_size(strlen(ALL_TOPICS), 0);
}

void
rt_pending_check_size(Size size)
{
	if (!has_room(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a transaction cannot publish more than %zu bytes",
						rt_pending_capacity()),
				 errdetail("This is about half of realtime.ring_size."),
				 errhint("Publish in several transactions, or publish one event that makes clients load again.")));
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

/* The next entry, its header and topic written.  end_entry() makes it count. */
static RtRingEntry *
begin_entry(const RtEvent *event, Size size)
{
	RtRingEntry *entry;

	make_room(size);
	rt_txn_stack_note(&entries, pending.size);
	if (pending.version == 0)
		pending.version = rt_declarations_version();

	entry = (RtRingEntry *) (pending.buffer + pending.size);
	rt_entry_begin(entry, event, size);
	return entry;
}

/* The entry at the buffer's end counts from now on. */
static void
end_entry(const RtRingEntry *entry)
{
	pending.size += entry->size;
}

static void
end_many(RtRingEntry *entry)
{
	entry->flags = RT_RING_LOST | RT_RING_MANY;
	pending.any_many = true;
	end_entry(entry);
}

/* Notes that the entry at the buffer's end needs a number. */
static void
note_unnumbered(uint32 event_len, int replay_size)
{
	RtUnnumbered *note;

	if (pending.unnumbered == NULL)
	{
		pending.unnumbered =
			MemoryContextAlloc(TopTransactionContext,
							   sizeof(RtUnnumbered) * UNNUMBERED_MIN);
		pending.unnumbered_space = UNNUMBERED_MIN;
	}
	else if (pending.unnumbered_count == pending.unnumbered_space)
	{
		pending.unnumbered =
			repalloc_huge(pending.unnumbered,
						  sizeof(RtUnnumbered) * pending.unnumbered_space * 2);
		pending.unnumbered_space *= 2;
	}
	note = &pending.unnumbered[pending.unnumbered_count++];
	note->begin = pending.size;
	note->event_len = event_len;
	note->replay_size = replay_size;
}

/* ---- committing ---- */

/*
 * Takes the locks of the topics that have an order, in ascending order.  All of
 * them, if an epoch is to end: nobody may commit a number of it afterwards,
 * because it would be taken for an old one by who has loaded meanwhile.
 * Returns whether others are at the same topics.
 */
static bool
lock_topics(bool all)
{
	bits8		wanted[RT_TOPIC_PARTITIONS / BITS_PER_BYTE];
	bool		contended = false;

	memset(wanted, all ? 0xFF : 0, sizeof(wanted));
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
		if (partition % BITS_PER_BYTE == 0 &&
			wanted[partition / BITS_PER_BYTE] == 0)
		{
			partition += BITS_PER_BYTE - 1;
			continue;
		}
		if (wanted[partition / BITS_PER_BYTE] & (1 << (partition % BITS_PER_BYTE)))
			contended |= !rt_partition_lock_was_free(partition, ExclusiveLock);
	}
	return contended;
}

static void
describe_lock_wait(void *arg)
{
	errcontext("while taking the place of this transaction's events in the order of their topics");
}

/* Gives the entries numbers and rows, and finishes their frames. */
static void
give_numbers(RtNumbering *numbering)
{
	rt_numbering_run(numbering, pending.buffer, pending.unnumbered,
					 pending.unnumbered_count);
	rt_numbering_end(numbering);

	for (int i = 0; i < pending.unnumbered_count; i++)
	{
		RtRingEntry *entry = unnumbered_entry(i);

		if ((entry->flags & RT_RING_LOST) == 0)
			rt_entry_finish(entry);
	}
}

static RtRingEntry *
unnumbered_entry(int i)
{
	return (RtRingEntry *) (pending.buffer + pending.unnumbered[i].begin);
}

/* Every so many events their topic is looked at whether it keeps too many. */
static void
hint_retention(void)
{
	for (int i = 0; i < pending.unnumbered_count; i++)
	{
		const RtRingEntry *entry = unnumbered_entry(i);
		int			often = Max(HINT_EVENTS_MIN, pending.unnumbered[i].replay_size / 8);

		if (entry->seq % often == 0)
			rt_retention_hint(rt_ring_entry_topic(entry), entry->topic_len);
	}
}

static void
set_durability(RtDurability needed)
{
	for (Size done = 0; done < pending.size;)
	{
		RtRingEntry *entry = (RtRingEntry *) (pending.buffer + done);

		rt_ring_entry_set_durability(entry, needed);
		done += entry->size;
	}
}

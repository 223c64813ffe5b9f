/*
 * handover.c
 *		What becomes of a transaction's events when it ends.
 *
 *	- PRE_COMMIT: events that have to wait are taken out (throttle.c), as are
 *	  those of rows that others make superfluous (settle.c); the locks of the
 *	  ordered topics are taken, events are written down for who takes them
 *	  (intake.c), events of replay topics get their numbers and rows
 *	  (numbering.c), and what gateways are to do gets a place where it waits for
 *	  them (posting.c);
 *	- COMMIT: they go to the ring.  Nothing there allocates, waits or fails;
 *	- ABORT: they are forgotten.
 *
 * The locks (src/ipc/topic_lock.h) are taken in one ascending pass, so
 * publishers do not deadlock among themselves.  They are kept until the
 * transaction is over: whoever commits next on the topic gets the lock after
 * our entries are in the ring.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"

#include "src/backend/publish/early_release.h"
#include "src/backend/publish/epoch_end.h"
#include "src/backend/publish/handover.h"
#include "src/backend/publish/intake.h"
#include "src/backend/publish/numbering.h"
#include "src/backend/publish/pending.h"
#include "src/backend/publish/posting.h"
#include "src/backend/publish/settle.h"
#include "src/backend/publish/throttle.h"
#include "src/ipc/flush_request.h"
#include "src/ipc/number_mark.h"
#include "src/ipc/retention.h"
#include "src/ipc/topic_lock.h"
#include "src/ipc/unflushed.h"

#define HINT_EVENTS_MIN 64		/* on a topic, between hints for retention */

/* ---- before the commit ---- */

static bool
epoch_ends(const RtPending *pending)
{
	return (pending->any_many &&
			rt_epoch_ends_by_marks(pending->buffer, pending->size)) ||
		pending->end_epoch ||
		rt_epoch_ends_by_class(pending->buffer, pending->size, pending->version);
}

/*
 * Takes the locks of the topics that have an order, in ascending order.  All of
 * them, if an epoch is to end: nobody may commit a number of it afterwards,
 * because it would be taken for an old one by who has loaded meanwhile.
 * Returns whether others are at the same topics.
 */
static bool
lock_topics(const RtPending *pending, bool all)
{
	bits8		wanted[RT_TOPIC_PARTITIONS / BITS_PER_BYTE];
	bool		contended = false;

	memset(wanted, all ? 0xFF : 0, sizeof(wanted));
	for (Size done = 0; done < pending->size;)
	{
		RtRingEntry *entry = (RtRingEntry *) (pending->buffer + done);
		uint32		partition = rt_topic_partition(entry->topic_hash);

		if (rt_topic_class_has_order(entry->topic_class))
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

static RtRingEntry *
unnumbered_entry(const RtPending *pending, int i)
{
	return (RtRingEntry *) (pending->buffer + pending->unnumbered[i].begin);
}

/* Gives the entries numbers and rows, and finishes their frames. */
static void
give_numbers(const RtPending *pending, RtNumbering *numbering)
{
	rt_numbering_run(numbering, pending->buffer, pending->unnumbered,
					 pending->unnumbered_count);
	rt_numbering_end(numbering);

	for (int i = 0; i < pending->unnumbered_count; i++)
	{
		RtRingEntry *entry = unnumbered_entry(pending, i);

		if ((entry->flags & RT_RING_LOST) == 0)
			rt_entry_finish(entry);
	}
}

static void
precommit_publish(const RtPending *pending)
{
	bool		ends = epoch_ends(pending);
	bool		worn = pending->unnumbered_count > 0 && rt_number_mark_is_worn();
	RtNumbering *numbering = NULL;
	bool		contended;
	ErrorContextCallback callback;

	if (pending->unnumbered_count > 0 || ends)
	{
		numbering = rt_numbering_begin();
		if (numbering == NULL)
		{
			/*
			 * The extension has been dropped: there is nowhere to store events
			 * with numbers, and nobody who could get any, as clients are
			 * disconnected.
			 */
			rt_pending_drop_all();
			return;
		}
	}

	callback.callback = describe_lock_wait;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	contended = lock_topics(pending, ends || worn);
	error_context_stack = callback.previous;
	rt_intake_precommit(pending);

	/* somebody may have been quicker to end one that is worn */
	if (ends || (worn && rt_number_mark_is_worn()))
		rt_numbering_end_epoch(numbering, pending->end_epoch ? pending->end_above : -1);
	if (numbering != NULL)
		give_numbers(pending, numbering);
	/* now that all is written, perhaps the first of this transaction */
	if (contended)
		rt_early_release_ask();
}

static void
preprepare_publish(const RtPending *pending)
{
	if (pending->size > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has published events"),
				 errhint("Use COMMIT, or publish in a transaction of its own.")));
	if (pending->end_epoch)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has changed the class of topics whose events are kept"),
				 errhint("Use COMMIT, or declare in a transaction of its own.")));
}

/* ---- at the commit ---- */

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

static void
set_durability(const RtPending *pending, RtDurability needed)
{
	for (Size done = 0; done < pending->size;)
	{
		RtRingEntry *entry = (RtRingEntry *) (pending->buffer + done);

		rt_ring_entry_set_durability(entry, needed);
		done += entry->size;
	}
}

/* Every so many events their topic is looked at whether it keeps too many. */
static void
hint_retention(const RtPending *pending)
{
	for (int i = 0; i < pending->unnumbered_count; i++)
	{
		const RtRingEntry *entry = unnumbered_entry(pending, i);
		int			often = Max(HINT_EVENTS_MIN, pending->unnumbered[i].replay_size / 8);

		if (entry->seq % often == 0)
			rt_retention_hint(rt_ring_entry_topic(entry), entry->topic_len);
	}
}

/*
 * Events wait for a flush whatever synchronous_commit is: they are told to
 * others than those who have chosen not to wait.
 */
static void
atcommit_publish(const RtPending *pending)
{
	RtDurability needed = needed_durability();
	bool		wait = !rt_is_durable(needed);

	if (wait)
		set_durability(pending, needed);
	rt_posting_commit(wait ? needed : RT_DURABLE);	/* first: who reads the entry finds it */
	rt_ring_append(pending->buffer, pending->size);
	if (wait && rt_own_flush.waits)
		rt_own_flush.published = needed.lsn;
	else if (wait)
		rt_flush_request(needed.lsn);
	hint_retention(pending);
}

/* ---- all of it ---- */

static void
on_transaction(XactEvent event, void *arg)
{
	const RtPending *pending = rt_pending_events();

	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			rt_throttle_precommit();
			rt_settle_precommit();
			rt_pending_drop_removed();
			if (pending->size > 0 || pending->end_epoch)
				precommit_publish(pending);
			rt_posting_prepare(pending);
			rt_pending_close();
			break;
		case XACT_EVENT_PRE_PREPARE:
			preprepare_publish(pending);
			break;
		case XACT_EVENT_COMMIT:
			if (pending->size > 0)
				atcommit_publish(pending);
			rt_intake_atcommit();
			rt_intake_forget();
			rt_pending_forget();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			rt_intake_forget();
			rt_posting_abort();
			rt_pending_forget();
			break;
		default:
			break;
	}
}

void
rt_handover_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	rt_pending_install();
}

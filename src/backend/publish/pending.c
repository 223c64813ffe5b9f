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
 *	- end of the transaction: they go to the ring, or are forgotten (handover.c).
 *
 * A frame of a replay topic ends with its number, so its entry is written
 * with room for one and its frame is finished when the number is known.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "src/backend/publish/dependents.h"
#include "src/backend/publish/pending.h"
#include "src/backend/txn_stack.h"
#include "src/catalog/declaration.h"
#include "src/protocol/topic.h"

#define BUFFER_MIN 1024			/* bytes */
#define UNNUMBERED_MIN 8
#define ALL_TOPICS "*"

static void cut_entries(uint64 begin);
static void add_reload_of_all(void);
static void reload_stream(const RtStreamDeclaration *stream, const char *pattern, Size len);
static void check_open(void);
static void make_room(Size more);
static RtRingEntry *begin_entry(const RtEvent *event, Size size);
static void end_entry(const RtRingEntry *entry);
static void end_many(RtRingEntry *entry);
static void note_unnumbered(uint32 event_len, int replay_size);

static RtPending pending;
static RtTxnStack entries = {.cut = cut_entries};	/* bytes of the buffer */

void
rt_pending_install(void)
{
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
				 rt_dependents_room(event->topic, event->topic_len));
}

bool
rt_pending_fits_lost(const RtEvent *event)
{
	return has_room(pending.size + rt_entry_size_lost(event) +
					rt_dependents_room(event->topic, event->topic_len));
}

bool
rt_pending_fits_template_lost(const char *tpl, Size len)
{
	return has_room(pending.size + rt_ring_entry_size(len, 0) +
					rt_dependents_room_all());
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
		rt_dependents_of_event(event, reload_stream);
}

/* It concerns nobody who depends on the topic. */
void
rt_pending_add_about(const RtEvent *event)
{
	char		name[sizeof(RT_SYSTEM_OF_TOPIC) + RT_TOPIC_MAX];
	RtText		topic = {name, snprintf(name, sizeof(name), RT_SYSTEM_OF_TOPIC "%.*s",
										(int) event->topic_len, event->topic)};
	Size		size = rt_entry_size_on(event, topic);
	RtRingEntry *entry;

	Assert(event->topic_class == RT_TOPIC_VOLATILE);
	rt_pending_check(event);
	rt_pending_check_size(pending.size + size);
	entry = begin_entry(event, size);
	rt_entry_write_on(entry, event, topic);
	end_entry(entry);
}

/* Nobody else's place in an order depends on it.  to has a class and perhaps a key. */
static void
add_to_recipients(RtEvent to, const RtRecipient *recipients, int count,
				  const char *frame, Size frame_len)
{
	char		packed[RT_RECIPIENTS_SIZE_MAX];
	RtRingEntry *entry;
	Size		size;

	Assert(count > 0 && count <= RT_RECIPIENTS_MAX);
	to.topic = packed;
	to.topic_len = rt_recipients_pack(packed, recipients, count);
	size = rt_entry_size_frame(&to, frame_len);
	check_open();
	rt_pending_check_size(pending.size + size);
	entry = begin_entry(&to, size);
	entry->topic_hash = rt_recipient_hash(recipients[0].text, recipients[0].len);
	rt_entry_write_frame(entry, &to, frame, frame_len);
	end_entry(entry);
}

void
rt_pending_add_sent(const RtRecipient *recipients, int count, const char *frame,
					Size frame_len)
{
	add_to_recipients((RtEvent) {.topic_class = RT_TOPIC_SENT}, recipients, count, frame,
					  frame_len);
}

void
rt_pending_add_coalesced(const RtRecipient *recipient, RtText key, const char *frame,
						 Size frame_len)
{
	RtEvent		to = {.topic_class = RT_TOPIC_SENT,.key = key.ptr,.key_len = key.len};

	add_to_recipients(to, recipient, 1, frame, frame_len);
}

void
rt_pending_add_command(const RtRecipient *connection, const char *command, Size len)
{
	add_to_recipients((RtEvent) {.topic_class = RT_TOPIC_COMMAND}, connection, 1, command, len);
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
		rt_pending_add_dependents(event->topic, event->topic_len);
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
		rt_dependents_of_any(reload_stream);
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
	append_reload(flag, name, len, RT_RELOADS_KNOWN - 1);
}

static void
reload_stream(const RtStreamDeclaration *stream, const char *pattern, Size len)
{
	if (len > 0)
		rt_pending_add_reload(RT_RING_RELOAD_TOPICS, pattern, len);
	else
		rt_pending_add_reload(RT_RING_RELOAD_PATH, stream->path, strlen(stream->path));
}

void
rt_pending_add_dependents(const char *topic, Size len)
{
	rt_dependents_of_topic(topic, len, reload_stream);
}

/* Nobody knows which topics have changed.  For one of these there is room. */
static void
add_reload_of_all(void)
{
	if (!has_reload(RT_RING_RELOAD_TOPICS, ALL_TOPICS, strlen(ALL_TOPICS)))
		append_reload(RT_RING_RELOAD_TOPICS, ALL_TOPICS, strlen(ALL_TOPICS),
					  RT_RELOADS_KNOWN);
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
	rt_pending_entry(position)->flags |= RT_PENDING_REMOVED;
	pending.any_removed = true;
}

void
rt_pending_keep(Size position)
{
	rt_pending_entry(position)->flags &= ~RT_PENDING_REMOVED;
}

/* ---- taking out ---- */

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

/* Closes the gaps. */
void
rt_pending_drop_removed(void)
{
	Size		kept = 0;
	int			kept_notes = 0;
	int			note = 0;
	Size		size;

	if (!pending.any_removed)
		return;

	for (Size done = 0; done < pending.size; done += size)
	{
		RtRingEntry *entry = (RtRingEntry *) (pending.buffer + done);
		bool		noted = note < pending.unnumbered_count &&
			pending.unnumbered[note].begin == done;
		bool		removed = (entry->flags & RT_PENDING_REMOVED) != 0;

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

void
rt_pending_drop_all(void)
{
	pending.size = 0;
	pending.unnumbered_count = 0;
}

/* ---- for the end of the transaction ---- */

const RtPending *
rt_pending_events(void)
{
	return &pending;
}

void
rt_pending_close(void)
{
	pending.closed = true;
}

void
rt_pending_forget(void)
{
	memset(&pending, 0, sizeof(pending));
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

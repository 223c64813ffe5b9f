/*
 * lost.c
 *		Topics whose subscribers must load again.
 *
 * A trigger of a live table rejects no row.  What does not fit, one row into a
 * frame or all of them into the transaction's share of memory, becomes a marker
 * of its topic, and that topic needs no further events in this transaction.
 *
 * How many markers there can be is bounded: TOPICS_MAX topics, and from then on
 * partitions of topics, of which there are RT_TOPIC_PARTITIONS.  Of templates,
 * whose tables were truncated, the first TEMPLATES_MAX are known here; of others
 * there are markers, and events that nobody needs.
 *
 * Markers are pending events and go with their savepoint, so what is known
 * here must go along.  Taking entries off the hash table in the reverse order
 * of their coming is as if they had never been there, so a slot is just
 * emptied.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "src/backend/live/lost.h"
#include "src/backend/txn_stack.h"
#include "src/protocol/topic.h"

#define TOPICS_MAX 1000
#define TEMPLATES_MAX 8
#define SLOTS 2048				/* a power of two, about twice as many */
#define NO_ENTRY (-1)

typedef enum LostKind
{
	LOST_TOPIC,
	LOST_PARTITION,
	LOST_TEMPLATE
} LostKind;

typedef struct LostEntry
{
	LostKind	kind;
	uint32		hash;			/* of the topic; of a partition its number */
	int16		slot;			/* of a topic */
	uint16		len;
	char	   *text;			/* topic or template */
} LostEntry;

typedef struct Lost
{
	int			count;
	int			topic_count;
	int			template_count;
	int			templates[TEMPLATES_MAX];	/* to entries */
	LostEntry	entries[TOPICS_MAX + RT_TOPIC_PARTITIONS + TEMPLATES_MAX];
	int16		slots[SLOTS];	/* of topics, to entries; NO_ENTRY = none */
	bits8		partitions[RT_TOPIC_PARTITIONS / BITS_PER_BYTE];
} Lost;

static void on_transaction_end(XactEvent event, void *arg);
static void begin_lost(void);
static bool partition_is_lost(uint32 partition);
static bool template_covers(const char *topic, Size len);
static int	find_slot(const char *topic, Size len, uint32 hash);
static void push_topic(const RtEvent *event, uint32 hash);
static void push_partition(uint32 partition);
static void push_template(const char *tpl, Size len);
static void set_text(LostEntry *entry, const char *text, Size len);
static void cut_entries(uint64 begin);

static Lost *lost = NULL;		/* in TopTransactionContext */
static RtTxnStack entries = {.cut = cut_entries};

void
rt_live_lost_install(void)
{
	RegisterXactCallback(on_transaction_end, NULL);
	rt_txn_stack_install(&entries);
}

bool
rt_live_lost_covers(const char *topic, Size len)
{
	uint32		hash;

	if (likely(lost == NULL || lost->count == 0))
		return false;
	hash = rt_topic_hash(topic, len);
	return partition_is_lost(rt_topic_partition(hash)) ||
		lost->slots[find_slot(topic, len, hash)] != NO_ENTRY ||
		(lost->template_count > 0 && template_covers(topic, len));
}

void
rt_live_lost_add(const RtEvent *event)
{
	uint32		hash = rt_topic_hash(event->topic, event->topic_len);

	if (rt_live_lost_covers(event->topic, event->topic_len))
		return;
	begin_lost();
	if (lost->topic_count < TOPICS_MAX && rt_pending_fits_lost(event))
	{
		rt_pending_add_lost(event);
		push_topic(event, hash);
	}
	else
		push_partition(rt_topic_partition(hash));
}

/* If there is room for one marker; else of all topics, for which there is. */
void
rt_live_lost_add_template(const char *tpl)
{
	RtEvent		event = {.topic = tpl, .topic_len = strlen(tpl)};

	begin_lost();
	if (rt_pending_fits_template_lost(event.topic, event.topic_len))
	{
		rt_pending_add_template_lost(event.topic, event.topic_len);
		if (lost->template_count < TEMPLATES_MAX)
			push_template(event.topic, event.topic_len);
		return;
	}
	for (uint32 partition = 0; partition < RT_TOPIC_PARTITIONS; partition++)
	{
		if (!partition_is_lost(partition))
			push_partition(partition);
	}
}

/* ---- the stack and its hash table ---- */

static void
begin_lost(void)
{
	if (lost != NULL)
		return;
	lost = MemoryContextAlloc(TopTransactionContext, sizeof(Lost));
	lost->count = lost->topic_count = lost->template_count = 0;
	for (int i = 0; i < SLOTS; i++)
		lost->slots[i] = NO_ENTRY;
	memset(lost->partitions, 0, sizeof(lost->partitions));
}

static bool
partition_is_lost(uint32 partition)
{
	return (lost->partitions[partition / BITS_PER_BYTE] &
			(1 << (partition % BITS_PER_BYTE))) != 0;
}

static bool
template_covers(const char *topic, Size len)
{
	for (int i = 0; i < lost->template_count; i++)
	{
		const LostEntry *entry = &lost->entries[lost->templates[i]];

		if (rt_template_match(entry->text, entry->len, topic, len, NULL))
			return true;
	}
	return false;
}

/* Where a topic stands, or would stand. */
static int
find_slot(const char *topic, Size len, uint32 hash)
{
	int			slot = hash % SLOTS;

	while (lost->slots[slot] != NO_ENTRY)
	{
		const LostEntry *entry = &lost->entries[lost->slots[slot]];

		if (entry->hash == hash && entry->len == len &&
			memcmp(entry->text, topic, len) == 0)
			break;
		slot = (slot + 1) % SLOTS;
	}
	return slot;
}

static LostEntry *
next_entry(LostKind kind)
{
	LostEntry  *entry = &lost->entries[lost->count];

	rt_txn_stack_note(&entries, lost->count);
	entry->kind = kind;
	return entry;
}

static void
push_topic(const RtEvent *event, uint32 hash)
{
	LostEntry  *entry = next_entry(LOST_TOPIC);

	entry->hash = hash;
	entry->slot = find_slot(event->topic, event->topic_len, hash);
	set_text(entry, event->topic, event->topic_len);
	lost->slots[entry->slot] = lost->count;
	lost->count++;
	lost->topic_count++;
}

static void
push_partition(uint32 partition)
{
	LostEntry  *entry;

	rt_pending_add_partition_lost(partition);
	entry = next_entry(LOST_PARTITION);
	entry->hash = partition;
	lost->partitions[partition / BITS_PER_BYTE] |=
		1 << (partition % BITS_PER_BYTE);
	lost->count++;
}

static void
push_template(const char *tpl, Size len)
{
	set_text(next_entry(LOST_TEMPLATE), tpl, len);
	lost->templates[lost->template_count++] = lost->count;
	lost->count++;
}

static void
set_text(LostEntry *entry, const char *text, Size len)
{
	entry->len = len;
	entry->text = MemoryContextAlloc(TopTransactionContext, len);
	memcpy(entry->text, text, len);
}

static void
pop_entry(void)
{
	LostEntry  *entry = &lost->entries[--lost->count];

	if (entry->kind == LOST_PARTITION)
	{
		lost->partitions[entry->hash / BITS_PER_BYTE] &=
			~(1 << (entry->hash % BITS_PER_BYTE));
		return;
	}
	if (entry->kind == LOST_TOPIC)
	{
		lost->slots[entry->slot] = NO_ENTRY;
		lost->topic_count--;
	}
	else
		lost->template_count--;
	pfree(entry->text);
}

/* ---- transactions ---- */

static void
on_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		lost = NULL;
}

static void
cut_entries(uint64 begin)
{
	while (lost->count > begin)
		pop_entry();
}

/*
 * retention.c
 *		The table of hints for retention.
 *
 * No lock: a slot's atomic state says who owns it,
 *
 *		FREE --backend--> FILLING --backend--> SET --scheduler--> FREE
 *
 * A topic's place is given by its hash, or is one of the few behind it.  Of
 * two topics with the same hash one stands for both; the other's hint is lost.
 *
 * A backend that finds its topic SET does nothing.  The scheduler frees the
 * slot before it looks at the topic, so either it sees what that backend has
 * committed, or the backend finds the slot free.
 *
 * Hints are announced once they are SET.  The scheduler looks for them only
 * after an announcement: a backend that is stopped while it fills a slot, and
 * be it for minutes, costs nobody anything.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/publish_ring.h"
#include "src/ipc/retention.h"
#include "src/ipc/worker_slot.h"

#define SLOTS 256
#define PLACES 4				/* where a topic may be put */

enum
{
	FREE,
	FILLING,					/* a committing backend writes it */
	SET
};

typedef struct HintSlot
{
	pg_atomic_uint32 state;
	pg_atomic_uint32 hash;		/* of the topic; valid while SET */
	uint16		len;			/* written while FILLING, as is the topic */
	char		topic[RT_RETENTION_TOPIC_MAX];
} HintSlot;

typedef struct HintTable
{
	pg_atomic_uint32 announced; /* counts hints that have been set */
	HintSlot	slots[SLOTS];
} HintTable;

static HintTable *table = NULL;
static uint32 looked_for = 0;	/* announcements, by the scheduler */

Size
rt_retention_size(void)
{
	return sizeof(HintTable);
}

void
rt_retention_init(void)
{
	bool		found;

	table = ShmemInitStruct("realtime retention", rt_retention_size(), &found);
	if (found)
		return;

	memset(table, 0, rt_retention_size());
	pg_atomic_init_u32(&table->announced, 0);
	for (int i = 0; i < SLOTS; i++)
	{
		pg_atomic_init_u32(&table->slots[i].state, FREE);
		pg_atomic_init_u32(&table->slots[i].hash, 0);
	}
}

/* Returns whether the slot was free and is set now. */
static bool
set_slot(HintSlot *slot, uint32 hash, const char *topic, Size len)
{
	uint32		expected = FREE;

	if (!pg_atomic_compare_exchange_u32(&slot->state, &expected, FILLING))
		return false;
	slot->len = len;
	memcpy(slot->topic, topic, len);
	pg_atomic_write_u32(&slot->hash, hash);
	pg_write_barrier();
	pg_atomic_write_u32(&slot->state, SET);
	pg_atomic_fetch_add_u32(&table->announced, 1);
	return true;
}

void
rt_retention_hint(const char *topic, Size len)
{
	uint32		hash = rt_topic_hash(topic, len);

	Assert(len <= RT_RETENTION_TOPIC_MAX);
	pg_memory_barrier();		/* our commit before the look at the state */
	for (uint32 i = 0; i < PLACES; i++)
	{
		HintSlot   *slot = &table->slots[(hash + i) % SLOTS];

		if (pg_atomic_read_u32(&slot->state) == SET &&
			pg_atomic_read_u32(&slot->hash) == hash)
			return;
		if (set_slot(slot, hash, topic, len))
		{
			rt_worker_wake(RT_WORKER_SCHEDULER, 0);
			return;
		}
	}
}

bool
rt_retention_pending(void)
{
	return pg_atomic_read_u32(&table->announced) != looked_for;
}

static bool
take_slot(HintSlot *slot, char *topic)
{
	if (pg_atomic_read_u32(&slot->state) != SET)
		return false;
	pg_read_barrier();
	memcpy(topic, slot->topic, slot->len);
	topic[slot->len] = '\0';
	pg_memory_barrier();
	pg_atomic_write_u32(&slot->state, FREE);
	pg_memory_barrier();		/* before the look at the topic */
	return true;
}

bool
rt_retention_take(char *topic)
{
	static uint32 next = 0;		/* in turn, so that none is passed over */
	uint32		announced = pg_atomic_read_u32(&table->announced);

	if (announced == looked_for)
		return false;
	pg_read_barrier();
	for (uint32 i = 0; i < SLOTS; i++)
	{
		if (take_slot(&table->slots[next++ % SLOTS], topic))
			return true;
	}
	looked_for = announced;
	return false;
}

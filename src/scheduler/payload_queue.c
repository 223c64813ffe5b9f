/*
 * payload_queue.c
 *		Payloads of notifications that wait to be published.
 *
 * A list for each bridge, all in one memory context that gives memory back as
 * what was allocated first is freed first.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "src/ipc/limit.h"
#include "src/ipc/request.h"
#include "src/scheduler/payload_queue.h"
#include "src/scheduler/scheduler.h"

struct RtPayload
{
	RtPayload  *next;
	uint32		len;			/* RT_BRIDGE_GAP = a gap */
	char		text[FLEXIBLE_ARRAY_MEMBER];
};

#define PAYLOAD_COST (offsetof(RtPayload, text) + 16)	/* with its chunk */

static MemoryContext queue_context = NULL;

void
rt_payload_queue_init(void)
{
	queue_context = GenerationContextCreate(TopMemoryContext,
											"realtime notifications",
											ALLOCSET_DEFAULT_SIZES);
}

static uint32
text_bytes(const RtPayload *payload)
{
	return payload->len == RT_BRIDGE_GAP ? 0 : payload->len;
}

/* NULL if there is no memory. */
static RtPayload *
make_payload(const char *text, uint32 len)
{
	uint32		bytes = len == RT_BRIDGE_GAP ? 0 : len;
	RtPayload  *payload =
		MemoryContextAllocExtended(queue_context,
								   offsetof(RtPayload, text) + bytes,
								   MCXT_ALLOC_NO_OOM);

	if (payload == NULL)
		return NULL;
	payload->next = NULL;
	payload->len = len;
	memcpy(payload->text, text, bytes);
	return payload;
}

static void
note_size(RtPayloadQueue *queue, int64 change)
{
	queue->size += change;
	rt_scheduler_count(waiting_bytes, change);
	rt_limit_note(RT_LIMIT_BRIDGE_QUEUE, pg_atomic_read_u64(&rt_scheduler_counters->waiting_bytes));
}

/* Behind a payload, or before the first if that is NULL. */
static void
insert(RtPayloadQueue *queue, RtPayload *payload, RtPayload *behind)
{
	RtPayload **link = behind == NULL ? &queue->first : &behind->next;

	payload->next = *link;
	*link = payload;
	if (payload->next == NULL)
		queue->last = payload;
	note_size(queue, PAYLOAD_COST + text_bytes(payload));
}

bool
rt_payload_queue_add(RtPayloadQueue *queue, const char *text, Size limit)
{
	Size		len = strlen(text);
	RtPayload  *payload;

	if (queue->size + PAYLOAD_COST + len > limit)
		return false;
	payload = make_payload(text, (uint32) len);
	if (payload == NULL)
		return false;
	insert(queue, payload, queue->last);
	return true;
}

static void
add_gap(RtPayloadQueue *queue, RtPayload *behind, const RtPayload *neighbour)
{
	RtPayload  *gap;

	if (neighbour != NULL && neighbour->len == RT_BRIDGE_GAP &&
		neighbour != queue->last_written)
		return;
	gap = make_payload("", RT_BRIDGE_GAP);
	if (gap != NULL)
		insert(queue, gap, behind);
}

void
rt_payload_queue_add_gap(RtPayloadQueue *queue)
{
	add_gap(queue, queue->last, queue->last);
}

void
rt_payload_queue_add_gap_first(RtPayloadQueue *queue)
{
	add_gap(queue, NULL, queue->first);
}

bool
rt_payload_queue_remove(RtPayloadQueue *queue)
{
	RtPayload  *payload = queue->first;
	bool		is_gap = payload->len == RT_BRIDGE_GAP;

	queue->first = payload->next;
	if (queue->first == NULL)
		queue->last = NULL;
	if (queue->last_written == payload)
		queue->last_written = NULL;
	note_size(queue, -(int64) (PAYLOAD_COST + text_bytes(payload)));
	pfree(payload);
	return !is_gap;
}

uint32
rt_payload_queue_measure(const RtPayloadQueue *queue, uint32 most,
						 uint32 max_bytes, uint32 *bytes)
{
	uint32		count = 0;

	*bytes = 0;
	for (const RtPayload *payload = queue->first;
		 payload != NULL && count < most && *bytes < max_bytes;
		 payload = payload->next)
	{
		*bytes += sizeof(uint32) + text_bytes(payload);
		count++;
	}
	return count;
}

void
rt_payload_queue_write(RtPayloadQueue *queue, uint32 count, char *to)
{
	const RtPayload *payload = queue->first;

	for (uint32 i = 0; i < count; i++)
	{
		memcpy(to, &payload->len, sizeof(uint32));
		to += sizeof(uint32);
		memcpy(to, payload->text, text_bytes(payload));
		to += text_bytes(payload);
		queue->last_written = payload;
		payload = payload->next;
	}
}

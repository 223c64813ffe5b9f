/*
 * sequential.c
 *		Keeps sequential batches until their last entry has been begun.
 *
 * Each entry is a request like any other; its answer starts the next one.  So
 * a batch holds no executor while it waits, and an executor's death costs it
 * one entry.
 */
#include "postgres.h"

#include "src/gateway/budget.h"
#include "src/gateway/sequential.h"
#include "src/ipc/limit.h"

static size_t
size_of(uint32 len)
{
	return offsetof(RtSequentialBatch, text) + len;
}

RtSequentialBatch *
rt_sequential_make(RtConnection *connection, const char *text, RtSpan batch,
				   RtCode *refusal)
{
	static uint64 last_ticket = 0;
	RtSequentialBatch *sequence;
	RtBudgetVerdict verdict;

	*refusal = RT_CODE_OVERLOADED;
	if (connection->sequence_count >= RT_SEQUENTIAL_BATCHES_MAX)
	{
		rt_limit_hit(RT_LIMIT_SEQUENTIAL_BATCHES);
		return NULL;
	}
	sequence = rt_budget_alloc(&connection->budget, size_of(batch.len), &verdict);
	if (sequence == NULL)
	{
		*refusal = rt_budget_code(verdict);
		return NULL;
	}
	sequence->len = batch.len;
	memcpy(sequence->text, text + batch.off, batch.len);
	(void) rt_json_walk_array(&sequence->rest, sequence->text,
							  (RtSpan) {0, batch.len});
	sequence->ticket = ++last_ticket;
	sequence->next = connection->sequences;
	connection->sequences = sequence;
	rt_limit_note(RT_LIMIT_SEQUENTIAL_BATCHES, ++connection->sequence_count);
	return sequence;
}

RtSequentialBatch *
rt_sequential_find(RtConnection *connection, uint64 ticket)
{
	for (RtSequentialBatch *s = connection->sequences; s != NULL; s = s->next)
	{
		if (s->ticket == ticket)
			return s;
	}
	return NULL;
}

void
rt_sequential_free(RtConnection *connection, RtSequentialBatch *sequence)
{
	RtSequentialBatch **link = &connection->sequences;

	while (*link != sequence)
		link = &(*link)->next;
	*link = sequence->next;
	connection->sequence_count--;
	rt_budget_free(&connection->budget, sequence, size_of(sequence->len));
}

void
rt_sequential_drop_all(RtConnection *connection)
{
	while (connection->sequences != NULL)
		rt_sequential_free(connection, connection->sequences);
}

/*
 * sequential.c
 *		Keeps sequential batches until their last entry has been begun.
 *
 * Each entry is a request like any other; its answer starts the next one.  So
 * a batch holds no executor while it waits, and an executor's death costs it
 * one entry.
 */
#include "postgres.h"

#include "src/gateway/sequential.h"

RtSequentialBatch *
rt_sequential_make(RtConnection *connection, const char *text, uint32 len,
				 RtSpan batch)
{
	static uint64 last_ticket = 0;
	RtSequentialBatch *sequence;

	if (connection->sequence_count >= RT_SEQUENTIAL_MAX)
		return NULL;
	sequence = calloc(1, sizeof(RtSequentialBatch));
	if (sequence == NULL)
		return NULL;
	sequence->text = malloc(len);
	if (sequence->text == NULL)
	{
		free(sequence);
		return NULL;
	}
	memcpy(sequence->text, text, len);
	(void) rt_json_walk_array(&sequence->rest, sequence->text, batch);
	sequence->ticket = ++last_ticket;
	sequence->next = connection->sequences;
	connection->sequences = sequence;
	connection->sequence_count++;
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
	free(sequence->text);
	free(sequence);
}

void
rt_sequential_drop_all(RtConnection *connection)
{
	while (connection->sequences != NULL)
		rt_sequential_free(connection, connection->sequences);
}

/*
 * sequence.c
 *		Keeps sequential batches until their last entry has been begun.
 *
 * Each entry is a request like any other; its answer starts the next one.  So
 * a batch holds no executor while it waits, and an executor's death costs it
 * one entry.
 */
#include "postgres.h"

#include "src/gateway/sequence.h"

RtSequence *
rt_sequence_make(RtConnection *connection, const char *text, uint32 len,
				 RtSpan batch)
{
	static uint64 last_ticket = 0;
	RtSequence *sequence;

	if (connection->sequence_count >= RT_SEQUENCES_MAX)
		return NULL;
	sequence = calloc(1, sizeof(RtSequence));
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

RtSequence *
rt_sequence_find(RtConnection *connection, uint64 ticket)
{
	for (RtSequence *s = connection->sequences; s != NULL; s = s->next)
	{
		if (s->ticket == ticket)
			return s;
	}
	return NULL;
}

void
rt_sequence_free(RtConnection *connection, RtSequence *sequence)
{
	RtSequence **link = &connection->sequences;

	while (*link != sequence)
		link = &(*link)->next;
	*link = sequence->next;
	connection->sequence_count--;
	free(sequence->text);
	free(sequence);
}

void
rt_sequences_drop(RtConnection *connection)
{
	while (connection->sequences != NULL)
		rt_sequence_free(connection, connection->sequences);
}

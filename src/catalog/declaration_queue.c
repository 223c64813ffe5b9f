/*
 * declaration_queue.c
 *		Queues of realtime.queue().
 */
#include "postgres.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"

static int
int_value(const RtRow *row, int anum, int when_null)
{
	return rt_row_is_null(row, anum) ? when_null : DatumGetInt32(rt_row_value(row, anum));
}

static Oid
handler_of(RtDeclarations *declarations, const RtJobQueue *queue)
{
	if (queue->handler_text == NULL)
		return InvalidOid;
	return rt_refer(declarations, queue->handler_text, "queue", queue->name, "handler");
}

void
rt_read_job_queue(RtDeclarations *declarations, const RtRow *row)
{
	RtJobQueue *queue = palloc(sizeof(RtJobQueue));

	queue->name = rt_row_text(row, Anum_queue_name);
	queue->handler_text = rt_row_text(row, Anum_queue_handler);
	queue->handler = handler_of(declarations, queue);
	queue->max_attempts = int_value(row, Anum_queue_max_attempts, 1);
	queue->backoff_ms = rt_row_ms(row, Anum_queue_backoff, 0);
	queue->max_backoff_ms = rt_row_ms(row, Anum_queue_max_backoff, 0);
	queue->jitter = DatumGetFloat8(rt_row_value(row, Anum_queue_jitter));
	queue->timeout_ms = rt_row_ms_int(row, Anum_queue_timeout, 0);
	queue->visibility_ms = rt_row_ms(row, Anum_queue_visibility, 0);
	queue->concurrency = int_value(row, Anum_queue_concurrency, 0);
	queue->priority = int_value(row, Anum_queue_priority, 0);
	queue->retention_ms = rt_row_ms(row, Anum_queue_retention, 0);
	queue->dead_retention_ms = rt_row_ms(row, Anum_queue_dead_retention, 0);
	queue->topic = rt_row_text(row, Anum_queue_topic);
	queue->active = DatumGetBool(rt_row_value(row, Anum_queue_active));
	queue->max_size = int_value(row, Anum_queue_max_size, 0);
	queue->owner = DatumGetObjectId(rt_row_value(row, Anum_queue_owner));
	declarations->job_queues = lappend(declarations->job_queues, queue);
}

/*
 * progress.c
 *		realtime.job_progress(): a job says how far it has come.
 *
 * It cannot be part of the job's transaction, which ends when all is over, so it is
 * kept in shared memory as long as the job runs and told at once on the job's
 * topic, as an event of class volatile.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "src/backend/job/worker.h"
#include "src/backend/publish/entry.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/declaration.h"
#include "src/catalog/job_event.h"
#include "src/catalog/job_store.h"
#include "src/ipc/clock.h"
#include "src/ipc/job.h"
#include "src/ipc/request_queue.h"

#define TELL_MS 50				/* between events of one job */

PG_FUNCTION_INFO_V1(realtime_job_progress);

static void
append_event(RtEvent *event)
{
	Size		size;
	RtRingEntry *entry;

	rt_publish_resolve(event);
	event->topic_class = RT_TOPIC_VOLATILE;
	event->key_len = 0;
	size = rt_entry_size(event);
	if (size > rt_ring_capacity())
		return;
	entry = palloc0(size);
	rt_entry_begin(entry, event, size);
	rt_entry_write(entry, event);
	rt_ring_append((const char *) entry, size);
	pfree(entry);
}

static void
tell(const RtJob *job, const char *topic, const char *progress)
{
	RtJobEvent	told = {
		.id = job->id,.queue = job->queue,.state = "running",
		.attempts = job->attempts + 1,.progress = progress
	};
	char	   *name = rt_job_topic(topic, job->id);
	char	   *json = rt_job_event_json(&told);
	RtEvent		event = {
		.topic = name,.topic_len = strlen(name),.event = RT_JOB_EVENT,
		.event_len = strlen(RT_JOB_EVENT),.data = json,.data_len = strlen(json)
	};

	if (rt_publish_is_possible())
		append_event(&event);
}

static void
tell_if_due(int64 id, const char *progress)
{
	static int64 told_id = 0;
	static int64 told_ms = 0;
	int64		now = rt_clock_ms();
	const RtJobQueue *queue;
	RtJob		job;

	if (id == told_id && now - told_ms < TELL_MS)
		return;
	if (!rt_job_grasp(id, RT_JOB_READ, &job) || !rt_declarations_refresh())
		return;
	queue = rt_declaration_job_queue(job.queue);
	if (queue == NULL || queue->topic == NULL)
		return;
	told_id = id;
	told_ms = now;
	tell(&job, queue->topic, progress);
}

char *
rt_job_progress_text(Jsonb *progress)
{
	char	   *json = JsonbToCString(NULL, &progress->root, VARSIZE(progress));

	if (strlen(json) > RT_JOB_PROGRESS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("progress of a job is too long"),
				 errdetail("It has at most %d bytes.", RT_JOB_PROGRESS_MAX)));
	return json;
}

Datum
realtime_job_progress(PG_FUNCTION_ARGS)
{
	int			executor = rt_executor_self();
	int64		id = executor < 0 ? 0 : rt_job_running(executor);
	char	   *json;

	if (id == 0 || PG_ARGISNULL(0))
		PG_RETURN_VOID();
	json = rt_job_progress_text(PG_GETARG_JSONB_P(0));
	rt_job_set_progress(executor, json, strlen(json));
	tell_if_due(id, json);
	PG_RETURN_VOID();
}

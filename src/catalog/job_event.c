/*
 * job_event.c
 *		What is told of a job.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "src/catalog/job_event.h"

static void
put_string(StringInfo json, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(json, ", \"%s\": ", name);
	escape_json(json, value);
}

char *
rt_job_event_json(const RtJobEvent *event)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"id\": " INT64_FORMAT, event->id);
	put_string(&json, "queue", event->queue);
	put_string(&json, "state", event->state);
	appendStringInfo(&json, ", \"attempts\": %d", event->attempts);
	if (event->progress != NULL)
		appendStringInfo(&json, ", \"progress\": %s", event->progress);
	if (event->result != NULL)
	{
		appendStringInfoString(&json, ", \"result\": ");
		(void) JsonbToCString(&json, &event->result->root, VARSIZE(event->result));
	}
	put_string(&json, "code", event->code);
	appendStringInfoChar(&json, '}');
	return json.data;
}

char *
rt_job_topic(const char *topic, int64 id)
{
	return psprintf("%s:" INT64_FORMAT, topic, id);
}

/*
 * stat_topic.c
 *		The view realtime.stat_topic: gateways are asked what topics they have.
 *
 * Only a gateway knows the names of what its clients follow.  One that stands still
 * is not waited for longer than PATIENCE_MS, and its topics are missing, with a
 * WARNING.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "src/backend/push.h"
#include "src/ipc/clock.h"
#include "src/ipc/topic_row.h"
#include "src/ipc/worker_slot.h"

#define PATIENCE_MS 2000
#define TOPIC_NAME_MAX 512			/* bytes, with what the server puts before and behind */

/* Columns, as in src/sql */
enum
{
	TOPIC_NAME,
	TOPIC_SUBSCRIBERS,
	TOPIC_EVENTS,
	TOPIC_LAST_EVENT,
	TOPIC_COLUMNS
};

typedef struct Topic
{
	char		name[TOPIC_NAME_MAX + 1]; /* the key */
	uint64		subscribers;
	uint64		events;			/* each gateway sees them all: the most counts */
	int64		since_ms;		/* -1 = none */
} Topic;

PG_FUNCTION_INFO_V1(realtime_stat_get_topic);

static HTAB *
make_table(void)
{
	HASHCTL		options = {.keysize = TOPIC_NAME_MAX + 1,.entrysize = sizeof(Topic),.hcxt = CurrentMemoryContext};

	return hash_create("realtime topics", 256, &options, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
add_row(HTAB *topics, const RtTopicRow *row, const char *name)
{
	char		key[TOPIC_NAME_MAX + 1];
	Topic	   *topic;
	bool		found;

	memcpy(key, name, row->name_len);
	key[row->name_len] = '\0';
	topic = hash_search(topics, key, HASH_ENTER, &found);
	if (!found)
	{
		topic->subscribers = topic->events = 0;
		topic->since_ms = -1;
	}
	topic->subscribers += row->subscribers;
	topic->events = Max(topic->events, row->events);
	if (row->since_ms >= 0 && (topic->since_ms < 0 || row->since_ms < topic->since_ms))
		topic->since_ms = row->since_ms;
}

static void
add_list(HTAB *topics, const char *list, Size len)
{
	RtTopicRow	row;

	for (Size at = 0; at + sizeof(row) <= len; at += sizeof(row) + row.name_len)
	{
		memcpy(&row, list + at, sizeof(row));
		if (row.name_len > TOPIC_NAME_MAX || row.name_len > len - at - sizeof(row))
			elog(ERROR, "a gateway has told something that is no list of topics");
		add_row(topics, &row, list + at + sizeof(row));
	}
}

static void
take_answer(HTAB *topics, int gateway, RtPushState state)
{
	Size		len;
	char	   *list;

	if (state == RT_PUSH_REPLIED)
	{
		list = rt_push_reply(&len);
		add_list(topics, list, len);
	}
	else if (state == RT_PUSH_TOO_LARGE)
		ereport(WARNING,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("gateway %d has more topics than there is room to list", gateway),
				 errhint("Raise realtime.payload_memory.")));
	else
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("gateway %d does not answer: its topics are missing", gateway)));
}

static void
ask_gateway(HTAB *topics, int gateway)
{
	RtPushTarget target = {.gateway = gateway,.serial = RT_PUSH_GATEWAY};
	RtPushState state = RT_PUSH_TOO_LARGE;

	if (rt_push_ask(&target, "topics", 6))
		state = rt_push_await(&target, rt_clock_ms() + PATIENCE_MS);
	take_answer(topics, gateway, state);
	rt_push_end();
}

static void
ask_gateways(HTAB *topics)
{
	for (int gateway = 0; gateway < rt_worker_count(RT_WORKER_GATEWAY); gateway++)
	{
		RtWorkerSlot *slot = rt_worker_slot(RT_WORKER_GATEWAY, gateway);

		if (pg_atomic_read_u32(&slot->state) == RT_WORKER_RUNNING)
			ask_gateway(topics, gateway);
	}
}

static void
put_topics(HTAB *topics, ReturnSetInfo *info)
{
	TimestampTz now = GetCurrentTimestamp();
	HASH_SEQ_STATUS scan;
	Topic	   *topic;

	hash_seq_init(&scan, topics);
	while ((topic = hash_seq_search(&scan)) != NULL)
	{
		Datum		values[TOPIC_COLUMNS];
		bool		nulls[TOPIC_COLUMNS] = {0};

		values[TOPIC_NAME] = CStringGetTextDatum(topic->name);
		values[TOPIC_SUBSCRIBERS] = Int64GetDatum((int64) topic->subscribers);
		values[TOPIC_EVENTS] = Int64GetDatum((int64) topic->events);
		values[TOPIC_LAST_EVENT] = TimestampTzGetDatum(now - topic->since_ms * 1000);
		nulls[TOPIC_LAST_EVENT] = topic->since_ms < 0;
		tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
	}
}

Datum
realtime_stat_get_topic(PG_FUNCTION_ARGS)
{
	HTAB	   *topics = make_table();

	InitMaterializedSRF(fcinfo, 0);
	rt_push_ensure_end();
	PG_TRY();
	{
		ask_gateways(topics);
	}
	PG_CATCH();
	{
		rt_push_end();
		PG_RE_THROW();
	}
	PG_END_TRY();
	put_topics(topics, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

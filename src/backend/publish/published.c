/*
 * published.c
 *		What this transaction will publish, for tests of applications: a row for
 *		each entry that waits for the commit.
 *
 * They are shown as they were published.  Changes of a row of a live table that the
 * commit would make one of are still apart, and what waits for its time (throttle.c)
 * is there, too.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "src/backend/publish/pending.h"

PG_FUNCTION_INFO_V1(realtime_test_published);

enum
{
	COLUMN_KIND,
	COLUMN_TOPIC,
	COLUMN_EVENT,
	COLUMN_DATA,
	COLUMN_RECIPIENTS,
	COLUMNS
};

typedef struct Row
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
} Row;

/* The database's encoding is that of frames, UTF-8. */
static Datum
text_datum(const char *bytes, Size len)
{
	return PointerGetDatum(cstring_to_text_with_len(bytes, len));
}

static Datum
jsonb_datum(RtText json)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(json.ptr, json.len)));
}

static void
set(Row *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

/* ---- what an entry says ---- */

static void
set_member(Row *row, int column, Jsonb *envelope, const char *name)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&envelope->root, name, strlen(name), &value) == NULL)
		return;
	if (column == COLUMN_DATA)
		set(row, column, JsonbPGetDatum(JsonbValueToJsonb(&value)));
	else if (value.type == jbvString)
		set(row, column, text_datum(value.val.string.val, value.val.string.len));
}

static void
set_frame(Row *row, const RtRingEntry *entry)
{
	Datum		envelope = jsonb_datum(rt_frame_payload(rt_ring_entry_frame(entry)));

	set_member(row, COLUMN_TOPIC, DatumGetJsonbP(envelope), "topic");
	set_member(row, COLUMN_EVENT, DatumGetJsonbP(envelope), "event");
	set_member(row, COLUMN_DATA, DatumGetJsonbP(envelope), "data");
}

static void
set_unnumbered(Row *row, RtRingEntry *entry, const RtUnnumbered *unnumbered)
{
	RtText		event;
	RtText		data;

	rt_entry_parts(entry, unnumbered->event_len, &event, &data);
	set(row, COLUMN_TOPIC, text_datum(rt_ring_entry_topic(entry), entry->topic_len));
	set(row, COLUMN_EVENT, text_datum(event.ptr, event.len));
	set(row, COLUMN_DATA, jsonb_datum(data));
}

/* An object with a member for each. */
static void
set_recipients(Row *row, const RtRingEntry *entry)
{
	JsonbParseState *state = NULL;
	Size		at = 0;
	const char *text;
	Size		len;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while (rt_recipients_next(rt_ring_entry_topic(entry), entry->topic_len, &at, &text, &len))
	{
		const char *kind;
		RtRecipientName name;
		JsonbValue	key = {.type = jbvString};
		JsonbValue	value = {.type = jbvNull};

		rt_recipient_describe(text, len, &kind, &name);
		key.val.string.val = unconstify(char *, kind);
		key.val.string.len = strlen(kind);
		if (name.ptr != NULL)
		{
			value.type = jbvString;
			value.val.string.val = unconstify(char *, name.ptr);
			value.val.string.len = name.len;
		}
		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	set(row, COLUMN_RECIPIENTS,
		JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL))));
}

static const char *
kind_of(const RtRingEntry *entry)
{
	if (entry->flags & RT_RING_RELOAD_TOPICS)
		return "invalidate";
	if (entry->flags & RT_RING_RELOAD_PATH)
		return "reload";
	if (entry->flags & RT_RING_LOST)
		return "lost";
	return entry->topic_class == RT_TOPIC_SENT ? "sent" : "event";
}

/* unnumbered is NULL if the frame is complete. */
static void
fill(Row *row, RtRingEntry *entry, const RtUnnumbered *unnumbered)
{
	const char *kind = kind_of(entry);

	memset(row->nulls, true, sizeof(row->nulls));
	set(row, COLUMN_KIND, CStringGetTextDatum(kind));
	if (strcmp(kind, "sent") == 0)
	{
		set_frame(row, entry);
		set_recipients(row, entry);
	}
	else if (strcmp(kind, "event") != 0)
		set(row, COLUMN_TOPIC, text_datum(rt_ring_entry_topic(entry), entry->topic_len));
	else if (unnumbered != NULL)
		set_unnumbered(row, entry, unnumbered);
	else
		set_frame(row, entry);
}

/* What is nobody's to see: removed again, or between our processes. */
static bool
is_shown(const RtRingEntry *entry)
{
	return (entry->flags & RT_PENDING_REMOVED) == 0 && entry->topic_class != RT_TOPIC_COMMAND;
}

Datum
realtime_test_published(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const RtPending *pending = rt_pending_events();
	int			next = 0;		/* of those without a number */

	InitMaterializedSRF(fcinfo, 0);
	for (Size at = 0; at < pending->size;)
	{
		RtRingEntry *entry = (RtRingEntry *) (pending->buffer + at);
		const RtUnnumbered *unnumbered = NULL;
		Row			row;

		if (next < pending->unnumbered_count && pending->unnumbered[next].begin == at)
			unnumbered = &pending->unnumbered[next++];
		if (is_shown(entry))
		{
			fill(&row, entry, unnumbered);
			tuplestore_putvalues(result->setResult, result->setDesc, row.values, row.nulls);
		}
		at += entry->size;
	}
	return (Datum) 0;
}

/*
 * publish.c
 *		realtime.publish(): the checks of an event, and its way from SQL to the
 *		transaction's pending events (pending.c).
 *
 * A hot path.  What does not change from call to call is kept: the name of
 * the database, a buffer for the JSON text; the class of a topic costs one
 * probe of a hash table.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "src/backend/publish/coalesce_key.h"
#include "src/backend/publish/intake.h"
#include "src/backend/publish/publish.h"
#include "src/backend/publish/transform.h"
#include "src/catalog/declaration.h"
#include "src/compat.h"
#include "src/errcodes.h"
#include "src/guc.h"
#include "src/protocol/frame.h"
#include "src/protocol/topic.h"

#define KEPT_TEXT_MAX (64 * 1024)	/* a longer buffer is not kept */

/* Columns of realtime.envelope */
enum
{
	ENVELOPE_TOPIC,
	ENVELOPE_EVENT,
	ENVELOPE_DATA,
	ENVELOPE_COLUMNS
};

static bool event_needs_data(const char *event, Size len);
static void refuse_read_only(const RtEvent *event);
static void publish_envelope(HeapTupleHeader envelope);
pg_noreturn static void refuse_null(const char *name);

PG_FUNCTION_INFO_V1(realtime_publish);
PG_FUNCTION_INFO_V1(realtime_publish_envelopes);

Datum
realtime_publish(PG_FUNCTION_ARGS)
{
	if (!rt_publish_begin())
		PG_RETURN_VOID();
	rt_publish(PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0),
			   PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1),
			   PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2));
	PG_RETURN_VOID();
}

Datum
realtime_publish_envelopes(PG_FUNCTION_ARGS)
{
	ArrayIterator iterator;
	Datum		element;
	bool		is_null;

	if (!rt_publish_begin())
		PG_RETURN_VOID();
	if (PG_ARGISNULL(0))
		refuse_null("messages");
	iterator = array_create_iterator(PG_GETARG_ARRAYTYPE_P(0), 0, NULL);
	while (array_iterate(iterator, &element, &is_null))
	{
		if (is_null)
			refuse_null("message");
		publish_envelope(DatumGetHeapTupleHeader(element));
	}
	array_free_iterator(iterator);
	PG_RETURN_VOID();
}

/* ---- where it may be done ---- */

static void
warn_database(void)
{
	static bool warned = false;

	if (warned)
		return;
	warned = true;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("nothing is published in database \"%s\"",
					get_database_name(MyDatabaseId)),
			 errdetail("Clients are connected to database \"%s\".",
					   realtime_database),
			 errhint("Publish there, or change realtime.database.")));
}

bool
rt_publish_begin(void)
{
	PreventCommandDuringRecovery("realtime.publish()");
	PreventCommandIfParallelMode("realtime.publish()");
	if (rt_publish_is_possible())
		return true;
	warn_database();
	return false;
}

/* A database that somebody is connected to cannot change its name. */
bool
rt_publish_is_possible(void)
{
	static char my_database[NAMEDATALEN] = "";

	if (my_database[0] == '\0')
	{
		char	   *name = get_database_name(MyDatabaseId);

		if (name == NULL)
			return false;
		strlcpy(my_database, name, NAMEDATALEN);
	}
	return strcmp(my_database, realtime_database) == 0;
}

/* ---- one event ---- */

void
rt_publish(text *topic, text *name, Jsonb *data)
{
	RtEvent		event;

	if (rt_publish_make_event(&event, topic, name, data))
		rt_pending_add(&event);
}

bool
rt_publish_make_event(RtEvent *event, text *topic, text *name, Jsonb *data)
{
	if (topic == NULL)
		refuse_null("topic");
	if (name == NULL)
		refuse_null("event");

	event->topic = VARDATA_ANY(topic);
	event->topic_len = VARSIZE_ANY_EXHDR(topic);
	rt_publish_check_topic(event->topic, event->topic_len);

	event->event_len = VARSIZE_ANY_EXHDR(name);
	event->event = VARDATA_ANY(name);
	rt_publish_check_name(event->event, event->event_len);

	rt_publish_check_data(event, data);
	rt_publish_resolve(event);
	refuse_read_only(event);
	if (unlikely(rt_transform_applies(event)))
	{
		data = rt_transform_run(event, data);
		if (data == NULL)
			return false;
		rt_publish_check_data(event, data);
	}
	event->data = rt_publish_json_text(data, &event->data_len);
	rt_coalesce_key(event, RT_KEY_FUNCTION_RAISES);
	return true;
}

void
rt_publish_check_topic(const char *topic, Size len)
{
	if (!rt_topic_is_valid(topic, len))
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_INVALID_TOPIC)),
				 errmsg("topic \"%s\" is not valid",
						pnstrdup(topic, pg_mbcliplen(topic, len, 100))),
				 errdetail("A topic is 1 to %d bytes of printable ASCII without '\"' and '\\'.",
						   RT_TOPIC_MAX)));
	if (rt_topic_is_reserved(topic, len))
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_INVALID_TOPIC)),
				 errmsg("topic \"%s\" is reserved", pnstrdup(topic, len)),
				 errdetail("Topics that begin with \"__\" or \"query:\" belong to the server.")));
}

void
rt_publish_check_name(const char *event, Size len)
{
	if (!rt_event_is_valid(event, len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of the event is not valid"),
				 errdetail("It is 1 to %d bytes of UTF-8 without '\"', '\\' and control characters.",
						   RT_EVENT_MAX)));
}

/* Refuses what would harm clients that merge the event into a stream. */
void
rt_publish_check_data(const RtEvent *event, Jsonb *data)
{
	JsonbValue	value;

	if (data != NULL && JB_ROOT_IS_OBJECT(data))
	{
		if (getKeyJsonValueFromContainer(&data->root, "reqId", 5, &value) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("data must not have a member \"reqId\" at its top level"),
					 errdetail("Clients take such an event for one of the server's own."),
					 errhint("Give the member another name.")));
		return;
	}

	/* NULL and the JSON null are the same to a client */
	if (data != NULL && !(JB_ROOT_IS_SCALAR(data) &&
						  JsonbExtractScalar(&data->root, &value) &&
						  value.type == jbvNull))
		return;
	if (event_needs_data(event->event, event->event_len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("event \"%s\" must have data",
						pnstrdup(event->event, event->event_len)),
				 errdetail("Clients merge such events by a key in the data.")));
}

static bool
event_needs_data(const char *event, Size len)
{
	static const char *const names[] = {
		"created", "updated", "deleted", "join", "leave", "update", "remove"
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (strlen(names[i]) == len && memcmp(names[i], event, len) == 0)
			return true;
	}
	return false;
}

/* A topic that nobody has declared is ordered. */
void
rt_publish_resolve(RtEvent *event)
{
	const RtTopicDeclaration *declaration = NULL;

	event->topic_class = RT_TOPIC_ORDERED;
	event->replay_size = 0;
	if (rt_declarations_refresh())
		declaration = rt_declaration_topic(event->topic, event->topic_len);
	event->declaration = declaration;
	if (declaration == NULL)
		return;
	event->topic_class = declaration->topic_class;
	event->replay_size = declaration->replay_size;
}

/* Only replay topics, and what somebody takes, are written to a table. */
static void
refuse_read_only(const RtEvent *event)
{
	if (event->topic_class == RT_TOPIC_REPLAY && XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot publish on topic \"%s\" in a read-only transaction",
						pnstrdup(event->topic, event->topic_len)),
				 errdetail("Its class is \"replay\": events are stored.")));
	if (XactReadOnly && rt_intake_is_source(event->topic, event->topic_len))
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot publish on topic \"%s\" in a read-only transaction",
						pnstrdup(event->topic, event->topic_len)),
				 errdetail("An aggregate or an effect takes its events, which are stored.")));
}

/*
 * The data as JSON text in UTF-8; NULL becomes null.  Valid until the next
 * call.
 */
const char *
rt_publish_json_text(Jsonb *data, Size *len)
{
	static StringInfoData buffer = {0};

	if (data == NULL)
	{
		*len = 4;
		return "null";
	}
	if (buffer.maxlen > KEPT_TEXT_MAX)
	{
		pfree(buffer.data);
		memset(&buffer, 0, sizeof(buffer));
	}
	if (buffer.data == NULL)
	{
		MemoryContext old_context = MemoryContextSwitchTo(TopMemoryContext);

		initStringInfo(&buffer);
		MemoryContextSwitchTo(old_context);
	}
	resetStringInfo(&buffer);
	JsonbToCString(&buffer, &data->root, VARSIZE(data));
	*len = buffer.len;
	if (*len > RT_FRAME_PAYLOAD_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("event is too long"),
				 errdetail("Its data takes %zu bytes, the event may take %d.",
						   *len, RT_FRAME_PAYLOAD_MAX),
				 errhint("Publish what has changed instead of everything, or only what tells clients to load again.")));
	return buffer.data;
}

static void
publish_envelope(HeapTupleHeader envelope)
{
	TupleDesc	desc;
	HeapTupleData tuple;
	Datum		values[ENVELOPE_COLUMNS];
	bool		nulls[ENVELOPE_COLUMNS];

	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(envelope),
								  HeapTupleHeaderGetTypMod(envelope));
	if (desc->natts != ENVELOPE_COLUMNS)
		elog(ERROR, "type realtime.envelope has %d columns", desc->natts);
	tuple.t_len = HeapTupleHeaderGetDatumLength(envelope);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = envelope;
	heap_deform_tuple(&tuple, desc, values, nulls);
	ReleaseTupleDesc(desc);

	rt_publish(nulls[ENVELOPE_TOPIC] ? NULL :
			   DatumGetTextPP(values[ENVELOPE_TOPIC]),
			   nulls[ENVELOPE_EVENT] ? NULL :
			   DatumGetTextPP(values[ENVELOPE_EVENT]),
			   nulls[ENVELOPE_DATA] ? NULL :
			   DatumGetJsonbP(values[ENVELOPE_DATA]));
}

static void
refuse_null(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", name)));
}

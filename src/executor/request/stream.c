/*
 * stream.c
 *		Whether a caller may have a stream, and which topic it is.
 *
 * Guards, arguments, gate, topic, access, in this order, and then the reply,
 * which makes the gateway subscribe the connection.  What has nothing to be
 * read is answered with the first transaction.
 *
 * Without a gap and without a duplicate: the second transaction reads the
 * ring's position and takes its snapshot while it holds the topic's lock
 * together with nobody who publishes.  A publisher keeps that lock from before
 * its commit until its event is in the ring.  So an event before the position
 * is in the snapshot, and one behind it is not.  Where events have numbers no
 * lock is needed: the position is read first, and what is both in the rows and
 * behind the position is told by its number.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "utils/snapmgr.h"

#include "src/errcodes.h"
#include "src/executor/function/admission.h"
#include "src/executor/function/middleware.h"
#include "src/executor/identity.h"
#include "src/executor/presence.h"
#include "src/executor/query/join.h"
#include "src/executor/request/call.h"
#include "src/executor/request/stream.h"
#include "src/executor/request/stream_name.h"
#include "src/ipc/client.h"
#include "src/ipc/cursor.h"
#include "src/ipc/path_stat.h"
#include "src/ipc/presence.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/tail_hint.h"
#include "src/ipc/topic_lock.h"
#include "src/protocol/topic.h"

#define LOCK_WAIT_MS 500		/* for publishers of the topic */
#define ATTEMPTS_MAX 3			/* while declarations change meanwhile */

static double mean_us = -1;		/* of streams that ask nobody; < 0 = not known */

/* A function that decides; one that is strict has not agreed to a NULL. */
static bool
agrees(RtStreamWork *stream, RtStreamFunction which)
{
	RtFunction *function = rt_stream_function(stream, which);
	NullableDatum result;

	if (function == NULL)
		return true;
	stream->work.stage = RT_STAGE_ACCESS;
	result = rt_stream_invoke(stream, function, NULL, 0);
	return rt_guard_passes(function, result);
}

/* ---- as the executor ---- */

static bool
may_write(RtStreamWork *stream)
{
	static const RtStreamFunction asked[] = {RT_STREAM_ACCESS, RT_STREAM_GATE, RT_STREAM_PRESENCE};

	if (rt_middleware_may_write(&stream->guarded))
		return true;
	for (int i = 0; i < stream->guarded.guard_count; i++)
	{
		if (stream->guarded.guards[i]->volatility == PROVOLATILE_VOLATILE)
			return true;
	}
	for (int i = 0; i < lengthof(asked); i++)
	{
		RtFunction *function = rt_stream_function(stream, asked[i]);

		if (function != NULL && function->volatility == PROVOLATILE_VOLATILE)
			return true;
	}
	return false;
}

/* What decides first how long it takes. */
static double
expected_time(RtStreamWork *stream)
{
	RtFunction *loader = stream->functions[RT_STREAM_LOADER];
	RtFunction *access = stream->functions[RT_STREAM_ACCESS];

	return loader != NULL ? loader->mean_us :
		access != NULL ? access->mean_us :
		stream->guarded.guard_count == 0 ? mean_us : -1;
}

/* The declaration as this transaction sees it; false if there is none. */
static bool
find_declaration(RtStreamWork *stream)
{
	RtWork	   *work = &stream->work;
	RtRequest  *request = work->request;
	const char *path = stream->guarded.text + request->asked.path.off;

	stream->guarded.function = NULL;
	stream->guarded.converted = false;
	stream->declaration = NULL;
	stream->is_call = false;
	memset(stream->functions, 0, sizeof(stream->functions));
	if (!rt_work_refresh_declarations(work))
		return false;

	if (rt_declaration_rpc(path, request->asked.path.len) == NULL)
		stream->declaration = rt_declaration_stream(path, request->asked.path.len);
	else if (request->asked.kind == RT_REQUEST_STREAM)
	{
		stream->is_call = true;
		return false;
	}
	if (stream->declaration == NULL)
		rt_fault_set(&work->fault, RT_CODE_NOT_FOUND, NULL);
	return stream->declaration != NULL && rt_work_is_wanted(work);
}

RtFunction *
rt_stream_find_signature(RtStreamWork *stream)
{
	RtFunction *loader = rt_stream_function(stream, RT_STREAM_LOADER);
	RtFunction *access = rt_stream_function(stream, RT_STREAM_ACCESS);
	RtFunction *topic_by = rt_stream_function(stream, RT_STREAM_TOPIC_BY);

	if (access == NULL || access->nargs == 0)
		access = topic_by != NULL ? topic_by : rt_stream_function(stream, RT_STREAM_PRESENCE);
	return rt_stream_signature(stream->declaration, loader != NULL ? loader : access);
}

static void
find_functions(RtStreamWork *stream)
{
	stream->observed = stream->declaration->functions[RT_STREAM_ON_ERROR].declared;
	rt_guarded_find(&stream->guarded, &stream->declaration->guards);
	stream->guarded.function = rt_stream_find_signature(stream);
	stream->work.mean_us = expected_time(stream);
}

bool
rt_stream_find(RtStreamWork *stream)
{
	if (!find_declaration(stream))
		return false;
	find_functions(stream);
	return true;
}

static bool
prepare_admission(RtWork *work)
{
	RtStreamWork *stream = (RtStreamWork *) work;

	if (!rt_stream_find(stream))
		return false;
	stream->declarations = rt_declarations_version();
	work->read_only = !may_write(stream);
	/* guards that write are run for each */
	work->request->answer_alike &= work->read_only;
	return true;
}

/* For what only reads; again only what this transaction must know itself. */
static bool
prepare_load(RtWork *work)
{
	RtStreamWork *stream = (RtStreamWork *) work;

	work->is_unattended = false;
	if (!find_declaration(stream))
		return false;
	stream->changed = rt_declarations_version() != stream->declarations;
	if (stream->changed)
		return false;
	find_functions(stream);
	work->read_only = true;
	return true;
}

/* Whose events were published by others. */
static void
take_locked_snapshot(RtStreamWork *stream)
{
	uint32		partition;
	bool		locks = stream->subscribes && !stream->is_page && !stream->numbered &&
		stream->declaration->topic_class != RT_TOPIC_VOLATILE;

	Assert(!FirstSnapshotSet);
	partition = rt_topic_partition(rt_topic_hash(stream->topic, stream->topic_len));
	if (locks)
		rt_partition_lock_for(partition, ShareLock, LOCK_WAIT_MS);
	stream->work.request->answer_position = rt_ring_position();
	stream->moved_until = rt_ring_partition_position(partition);
	stream->has_moved_until = true;
	(void) GetTransactionSnapshot();
	if (locks)
		rt_partition_unlock(partition, ShareLock);
}

static void
take_snapshot(RtWork *work)
{
	RtStreamWork *stream = (RtStreamWork *) work;

	if (stream->declaration->query != NULL && !stream->is_page)
		rt_query_take_snapshot(stream);
	else
		take_locked_snapshot(stream);
}

/* ---- as the caller ---- */

/*
 * The topic says whether there are numbers, whoever declares its class.  Those of
 * live queries are not kept in the table.
 */
static bool
is_numbered(const RtStreamWork *stream)
{
	const RtTopicDeclaration *topic = rt_declaration_topic(stream->topic,
														   stream->topic_len);

	return topic != NULL && topic->topic_class == RT_TOPIC_REPLAY &&
		stream->declaration->query == NULL &&
		stream->declaration->kind == RT_STREAM_OF_EVENTS;
}

/*
 * Who is present, or cursors: what the caller gets who follows is known to his
 * gateway alone.
 */
static void
answer_shown(RtStreamWork *stream)
{
	RtStreamReply *reply = &stream->reply;

	/* cursors come behind the reply, as an event */
	if (stream->declaration->kind == RT_STREAM_OF_CURSORS)
		stream->flags |= RT_TOPIC_FROM_NOW;
	if (stream->subscribes && !stream->is_page)
		reply->data_json = RT_TEXT("[]");
	else
		rt_stream_load(stream);
	if (stream->work.request->asked.since != RT_SINCE_NONE)
		reply->replay = RT_REPLAYED_NO;
	if (stream->subscribes)
		rt_stream_send(stream);
	else
		rt_stream_send_once(stream);
}

/* A channel without numbers: all that comes comes from now on. */
static void
answer_channel(RtStreamWork *stream)
{
	RtStreamReply *reply = &stream->reply;

	stream->flags |= RT_TOPIC_FROM_NOW;
	rt_stream_load(stream);
	if (!stream->subscribes)
	{
		rt_stream_send_once(stream);
		return;
	}
	reply->channel = true;
	if (stream->work.request->asked.since != RT_SINCE_NONE)
		reply->replay = RT_REPLAYED_NO;
	rt_stream_send(stream);
}

/*
 * The gateway has the events in its memory, as far as it has told, and fills them
 * in; nothing has to be read for them.  A version would have to be.
 */
static bool
is_remembered(const RtStreamWork *stream)
{
	const RtStreamDeclaration *declaration = stream->declaration;
	const RtRequest *request = stream->work.request;

	return stream->subscribes && !stream->reloads && !stream->is_page &&
		stream->numbered && request->asked.since >= 0 &&
		declaration->merge != RT_MERGE_LATEST &&
		!declaration->functions[RT_STREAM_DELTA_VERSION].declared &&
		rt_tail_hint_covers(request->owner,
							rt_topic_hash(stream->topic, stream->topic_len),
							request->asked.since);
}

static void
answer_without_load(RtStreamWork *stream)
{
	stream->remembered = true;
	stream->tier = RT_TIER_REPLAYED;
	stream->reply.replay = RT_REPLAYED_YES;
	stream->reply.data_json = RT_TEXT("[]");
	rt_stream_send(stream);
}

static void
answer_remembered(RtStreamWork *stream)
{
	stream->work.request->answer_position = 0;
	stream->flags |= RT_TOPIC_REMEMBERED;
	answer_without_load(stream);
}

/* A live query goes on from the ring's position if nothing has been missed. */
static void
go_on(RtStreamWork *stream)
{
	int64		since = stream->work.request->asked.since;
	RtQueryResumption way;

	if (!stream->is_query || !stream->subscribes || stream->is_page || since <= 0)
		return;
	way = rt_query_resume(stream, since);
	if (way == RT_QUERY_REMEMBERED)
		answer_remembered(stream);
	else if (way == RT_QUERY_UNCHANGED)
	{
		stream->reply.seq = since;
		answer_without_load(stream);
	}
}

/*
 * Events of the topic are changed as its declaration says, which can be
 * another one's with a longer prefix: nobody may see what this stream hides.
 */
static bool
events_are_changed(const RtStreamWork *stream, const RtTopicDeclaration *topic)
{
	const RtNamedFunction *own = &stream->declaration->functions[RT_STREAM_TRANSFORM];
	const RtPipe *pipe = stream->declaration->pipe;

	if (pipe != NULL && pipe->live != NULL &&
		(topic == NULL || topic->pipe == NULL || strcmp(topic->pipe->live, pipe->live) != 0))
		return false;
	return !own->declared ||
		(topic != NULL && topic->transform.declared && topic->transform.oid == own->oid);
}

static void
check_transform(const RtStreamWork *stream)
{
	const RtTopicDeclaration *topic = rt_declaration_topic(stream->topic,
														   stream->topic_len);

	/* rows of a query go through it before they are compared */
	if (stream->declaration->query != NULL || events_are_changed(stream, topic))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("events of topic \"%s\" do not go through the transform or pipe of stream \"%s\"",
					stream->topic, stream->declaration->path),
			 errdetail("The topic belongs to template \"%s\".",
					   topic != NULL ? topic->template : "")));
}

static bool
needs_load(const RtStreamWork *stream)
{
	return !rt_stream_is_channel(stream->declaration) ||
		(stream->numbered && stream->subscribes);
}

static char *
topic_name(RtStreamWork *stream)
{
	return stream->declaration->query != NULL ? rt_query_topic_name(stream) :
		rt_stream_topic_name(stream);
}

void
rt_stream_check_execute(RtStreamWork *stream)
{
	RtFunction *loader = rt_stream_function(stream, RT_STREAM_LOADER);

	if (loader != NULL && !rt_function_may_execute(loader))
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '0', '3')),
				 errmsg_internal("%s", rt_code_message(RT_CODE_FORBIDDEN))));
}

bool
rt_stream_enter(RtStreamWork *stream)
{
	if (!agrees(stream, RT_STREAM_GATE))
		return false;
	stream->topic = topic_name(stream);
	stream->topic_len = strlen(stream->topic);
	if (!agrees(stream, RT_STREAM_ACCESS))
		rt_guard_refuse();
	return true;
}

/* What middlewares run around; a closed gate is noted in the reply. */
static void
admit_caller(void *arg, StringInfo result)
{
	RtStreamWork *stream = arg;

	rt_stream_check_execute(stream);
	rt_guarded_run(&stream->guarded);
	rt_guarded_convert(&stream->guarded);
	stream->reply.gated = !rt_stream_enter(stream);
	if (stream->reply.gated)
		return;

	stream->work.stage = RT_STAGE_HANDLER;
	check_transform(stream);
	stream->numbered = is_numbered(stream);
	rt_stream_describe(stream);
}

bool
rt_stream_admit(RtStreamWork *stream)
{
	if (!rt_middleware_run(&stream->guarded, admit_caller, stream, NULL))
		rt_guard_refuse();
	return !stream->reply.gated;
}

/* Whether those who have the value of a topic of this stream can have it anew. */
static bool
is_as_before(const RtStreamWork *stream)
{
	const RtRequest *request = stream->work.request;
	const char *id = stream->guarded.text + request->asked.id.off;

	return !rt_stream_is_channel(stream->declaration) &&
		request->asked.id.len == stream->topic_len + 2 &&
		memcmp(id + 1, stream->topic, stream->topic_len) == 0;
}

/* What others see of the caller as soon as he follows it. */
static void
find_presence(RtStreamWork *stream)
{
	RtFunction *function = rt_stream_function(stream, RT_STREAM_PRESENCE);
	bool		is_cursor = stream->declaration->kind == RT_STREAM_OF_CURSORS;
	NullableDatum result;

	stream->presence = is_cursor && function == NULL ? "{}" : NULL;
	if (function == NULL && !is_cursor)
		return;
	rt_presence_check_topic(stream->topic_len - strlen(stream->declaration->suffix));
	if (function == NULL)
		return;
	result = rt_stream_invoke(stream, function, NULL, 0);
	if (!result.isnull)
		stream->presence = rt_presence_data(DatumGetJsonbP(result.value), is_cursor ?
											RT_CURSOR_USER_MAX : RT_PRESENCE_DATA_MAX);
}

static void
run_admission(RtWork *work)
{
	RtStreamWork *stream = (RtStreamWork *) work;
	RtRequest  *request = work->request;

	stream->remembered = false;
	stream->query_group_serial = 0;
	stream->subscribes = stream->reloads || stream->is_page ||
		(request->asked.kind == RT_REQUEST_STREAM &&
		 request->asked.cursor.len == 0 && request->asked.id.len > 0);
	if (!rt_stream_admit(stream))
	{
		if (!stream->reloads)
			rt_stream_send_once(stream);
		return;
	}
	stream->is_query = stream->declaration->query != NULL;
	if (stream->subscribes && !stream->reloads)
		rt_class_admit(stream->declaration->class_of_service);
	if (stream->subscribes && !stream->reloads && !stream->is_page)
		find_presence(stream);
	if (stream->declaration->kind != RT_STREAM_OF_EVENTS)
		answer_shown(stream);
	else if (stream->reloads)
		stream->reply.gated = !is_as_before(stream);
	else if (!needs_load(stream))
		answer_channel(stream);
	else if (is_remembered(stream))
		answer_remembered(stream);
	else
		go_on(stream);
}

/*
 * Arguments are converted anew: types may have changed since, and a default
 * need not be the same twice.  What was agreed on was the topic.
 */
static void
run_load(RtWork *work)
{
	RtStreamWork *stream = (RtStreamWork *) work;
	char	   *topic;

	rt_guarded_convert(&stream->guarded);
	topic = topic_name(stream);
	stream->changed = strcmp(topic, stream->topic) != 0;
	if (stream->changed)
		return;

	work->stage = RT_STAGE_HANDLER;
	stream->tier = RT_TIER_LOADED;
	rt_stream_describe(stream);
	if (!stream->subscribes)
	{
		if (rt_stream_may_load(stream))
			rt_stream_load(stream);
		rt_stream_send_once(stream);
		return;
	}
	rt_stream_resume(stream);
	work->is_unattended = false;
	if (stream->is_query && !stream->is_page)
		stream->reply.seq = (int64) stream->query_number;
	rt_stream_send(stream);
}

/* ---- around it ---- */

void
rt_stream_failed(RtStreamWork *stream)
{
	/* a signature that is no function has nothing that could go wrong */
	if (stream->guarded.function != NULL &&
		OidIsValid(stream->guarded.function->oid))
		rt_guarded_failed(&stream->guarded);
}

static void
note_time(RtStreamWork *stream)
{
	double		us = rt_work_run_time(&stream->work);

	if (stream->functions[RT_STREAM_LOADER] != NULL)
		rt_function_timed(stream->functions[RT_STREAM_LOADER], us);
	else if (stream->functions[RT_STREAM_ACCESS] != NULL)
		rt_function_timed(stream->functions[RT_STREAM_ACCESS], us);
	else if (stream->guarded.guard_count == 0)
		mean_us = mean_us < 0 ? us : mean_us + (us - mean_us) / 8;
}

static RtStreamWork *
make_work(RtRequest *request)
{
	RtStreamWork *stream = palloc0(sizeof(RtStreamWork));
	const char *text = rt_shared_text_get(&request->text);

	stream->work.request = request;
	stream->work.activity = rt_work_path(request);
	stream->guarded.work = &stream->work;
	stream->guarded.text = text;
	stream->reloads = request->asked.kind == RT_REQUEST_RELOAD;
	stream->is_page = request->asked.kind == RT_REQUEST_LOAD;
	request->answer_alike = true;	/* until something says it is not */
	return stream;
}

static void
admit(RtStreamWork *stream)
{
	stream->loads = false;
	stream->work.is_unattended = false;
	stream->work.keeps_context = false;
	stream->work.prepare = prepare_admission;
	stream->work.take_snapshot = NULL;
	stream->work.run = run_admission;
	rt_work_continue(&stream->work);
}

static void
load(RtStreamWork *stream)
{
	stream->loads = true;
	stream->work.keeps_context = !stream->is_query;
	stream->work.prepare = prepare_load;
	stream->work.take_snapshot = take_snapshot;
	stream->work.run = run_load;
	rt_work_continue(&stream->work);
}

/* Somebody may want to know before the client does. */
static void
answer_fault(RtStreamWork *stream, RtWorkResult *result)
{
	RtWork	   *work = &stream->work;

	rt_stream_failed(stream);
	if (stream->loads && !work->unavailable)
		rt_stream_observe(stream, result);
	if (stream->reloads)
		rt_path_stat_note_error(work->activity, RT_PATH_RELOAD, work->fault.cause != NULL ?
								work->fault.cause : work->fault.message);
	work->request->answer_too_large =
		strcmp(work->fault.code, rt_code_wire(RT_CODE_PAYLOAD_TOO_LARGE)) == 0;
	if (stream->reloads && !work->unavailable)
		rt_stream_tell_subscribers(stream);
	else
		rt_work_reply_fault(work);
}

bool
rt_stream_run(RtRequest *request, RtWorkResult *result)
{
	RtStreamWork *stream = make_work(request);
	RtWork	   *work = &stream->work;
	int			attempts = 0;

	do
	{
		stream->changed = stream->remembered = stream->provisional = false;
		memset(&stream->reply, 0, sizeof(stream->reply));
		admit(stream);
		if (work->fault.code == NULL && !stream->is_call &&
			!stream->reply.gated && !stream->remembered && needs_load(stream))
			load(stream);
	} while (stream->changed && work->fault.code == NULL &&
			 ++attempts < ATTEMPTS_MAX);

	rt_query_join_end(stream);
	rt_breaker_end(&stream->breaker, stream->changed ? NULL : &work->fault);
	if (stream->is_call || rt_client_is_gone(request))
		request->answer_alike = false;
	if (stream->is_call && work->fault.code == NULL)
		return false;
	if (stream->changed && work->fault.code == NULL)
		rt_fault_set(&work->fault, RT_CODE_OVERLOADED, NULL);
	if (stream->guarded.function != NULL)
		note_time(stream);
	*result = rt_work_result(work);
	if (work->fault.code != NULL)
		answer_fault(stream, result);
	else if ((stream->loads || stream->remembered) && !stream->provisional &&
			 !rt_stream_is_channel(stream->declaration))
		rt_work_count_value(stream->tier);
	return true;
}

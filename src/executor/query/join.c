/*
 * join.c
 *		Clients that ask for a live query.
 *
 * A group that is new, or has lost its state, is loaded by the first who asks.
 * What is touched meanwhile is noted and run when it is there.  Who joins then
 * has what may be neither that state nor the next one: so all clients get all
 * of the next result.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "src/errcodes.h"
#include "src/executor/identity.h"
#include "src/executor/interrupt.h"
#include "src/executor/query/group_key.h"
#include "src/executor/query/lock.h"
#include "src/executor/query/join.h"
#include "src/executor/query/prepared.h"
#include "src/executor/query/result.h"
#include "src/executor/query/round.h"
#include "src/executor/query/round_group.h"
#include "src/executor/reply.h"
#include "src/ipc/clock.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/query_group.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/tail_hint.h"

/* ---- who shares it ---- */

static void
set_identity(RtQueryGroupKey *key)
{
	const RtCaller *caller = rt_caller();

	key->user_id = caller->anonymous ? "" : caller->session->user_id;
	key->user_data = caller->user_data_len == 0 ? "" :
		pnstrdup(caller->user_data, caller->user_data_len);
}

/* Without locks, which the round is to have. */
static RtQuery *
find_query(const RtStreamDeclaration *declaration)
{
	RtQuery    *query = rt_query_prepared_find(declaration->query->id,
											   rt_caller_role_name());

	return query != NULL ? query : rt_query_lock_patiently(declaration, false);
}

static void
write_key(RtStreamWork *stream, StringInfo out)
{
	const RtStreamDeclaration *declaration = stream->declaration;
	RtQuery    *query = find_query(declaration);
	RtQueryGroupKey key = {
		.declaration = declaration->query->id,
		.has_identity = query->reads_caller,
		.argument_count = query->param_count,
		.path = declaration->path,
		.role = rt_caller_role_name()
	};
	int			length;

	if (query->param_count != stream->guarded.arguments.count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("query \"%s\" has other parameters than when it was declared",
						declaration->path)));
	set_identity(&key);
	key.arguments = rt_query_arguments_text(query->param_types,
											stream->guarded.arguments.values,
											query->param_count, &length);
	rt_query_group_key_write(out, &key, length);
}

char *
rt_query_topic_name(RtStreamWork *stream)
{
	StringInfoData key;
	RtQueryGroupHash hash;

	initStringInfo(&key);
	write_key(stream, &key);
	hash = rt_query_group_hash(key.data, key.len);
	stream->query_key = key.data;
	stream->query_key_len = key.len;
	return rt_query_group_topic(stream->declaration->path, &hash);
}

/* ---- who comes back ---- */

/*
 * Numbers are the group's own: who asks something else than before, or as somebody
 * else, or of a group that was made anew, has none of them.
 */
RtQueryResumption
rt_query_resume(RtStreamWork *stream, int64 since)
{
	RtRequest  *request = stream->work.request;
	RtQueryGroupHash hash = rt_query_group_hash(stream->query_key, stream->query_key_len);
	RtQueryNumbers numbers;

	request->answer_position = rt_ring_position();
	stream->query_group_serial = rt_query_group_numbers(&hash, stream->query_key,
														stream->query_key_len, &numbers);
	if (stream->query_group_serial == 0 ||
		since < (int64) numbers.first || since > (int64) numbers.last)
		return RT_QUERY_LOADS;
	if (since == (int64) numbers.last)
		return RT_QUERY_UNCHANGED;
	return rt_tail_hint_covers(request->owner,
							   rt_topic_hash(stream->topic, stream->topic_len), since) ?
		RT_QUERY_REMEMBERED : RT_QUERY_LOADS;
}

/* ---- the snapshot ---- */

static bool
is_loaded_by_us(const RtQueryGroup *group)
{
	return group != NULL &&
		pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &group->loader)) ==
		(uint32) rt_round_executor() + 1;
}

static bool
has_state(const RtQueryGroup *group)
{
	return DsaPointerIsValid(group->state);
}

/* A connection, for as long as its gateway lives. */
static uint64
maker_of(const RtRequest *request)
{
	return ((uint64) request->owner << 48) | request->asked.connection_serial;
}

/* Before the snapshot: from now on changes are noted for the group. */
static RtQueryGroup *
enter_group(RtStreamWork *stream)
{
	RtQueryGroup *group = rt_round_group(stream->declaration->query->id,
										 stream->query_key, stream->query_key_len,
										 maker_of(stream->work.request));

	if (group == NULL)
		rt_reply_refuse_overload();
	group->joined_ms = rt_clock_ms();
	if (stream->reloads && has_state(group))
	{
		group->touched = true;
		rt_query_group_open(group);
	}
	if (!has_state(group) && !rt_query_group_is_loading(group))
	{
		group->gone = false;
		rt_query_group_open(group);
		group->resend = group->touched = rt_query_group_is_followed(group);
		/* of a failure that nobody has been told of nobody wants to know the end */
		group->failing &= group->touched;
		group->attempts = group->retry_ms = 0;
		pg_atomic_write_u32(&group->loader, rt_round_executor() + 1);
	}
	return group;
}

static void
do_round(RtStreamWork *stream)
{
	RtQueryGroup *group = enter_group(stream);

	/* if the round fails, loading ends all the same */
	stream->query_group = group;
	stream->query_group_serial = group->serial;
	rt_round_do(group);
	/* what the caller will have is not what the group's state says */
	if (group->touched && !is_loaded_by_us(group))
		group->resend = true;
	/* there may be a gateway that has nobody else of it */
	group->position_told = false;
	stream->query_number = group->number;
	stream->work.request->answer_position = rt_ring_position();
}

void
rt_query_take_snapshot(RtStreamWork *stream)
{
	if (!stream->subscribes)
	{
		(void) GetTransactionSnapshot();
		return;
	}
	rt_round_begin();
	rt_overdue_watch(NULL);
	PG_TRY();
	{
		do_round(stream);
	}
	PG_FINALLY();
	{
		rt_round_end();
	}
	PG_END_TRY();
	rt_work_restart_deadline(&stream->work);
}

/* ---- the rows ---- */

static bool
still_loads(const RtStreamWork *stream)
{
	return stream->query_group != NULL &&
		stream->query_group->serial == stream->query_group_serial &&
		is_loaded_by_us(stream->query_group);
}

/* It is nobody else's loss if what nobody follows has its room. */
static bool
keep_result(const RtQueryResult *result, RtQueryGroup *group)
{
	if (rt_query_result_keep(result, group))
		return true;
	rt_round_make_room();
	return rt_query_result_keep(result, group);
}

/* The group is what this run says; without a run, another one has to be. */
static bool
end_loading(RtStreamWork *stream, const RtQueryResult *result)
{
	RtQueryGroup *group = stream->query_group;
	bool		done;

	rt_round_begin();
	done = result != NULL ? keep_result(result, group) :
		rt_query_group_set_state(group, NULL);
	if (!done || result == NULL)
	{
		group->touched = group->resend = true;
		rt_query_group_open(group);
	}
	pg_atomic_write_u32(&group->loader, 0);
	rt_query_group_tell_number(group);
	if (group->touched)
		rt_round_want();
	rt_round_end();
	return done;
}

void
rt_query_load(RtStreamWork *stream)
{
	RtQuery    *query = rt_query_lock_patiently(stream->declaration, true);
	RtQueryResult *result = rt_query_result(stream->declaration, query,
											stream->guarded.arguments.values);

	stream->reply.data_json = (RtText) {result->rows.data, result->rows.len};
	rt_stream_check_length(result->rows.len, rt_stream_value_max(stream));
	if (still_loads(stream) && !end_loading(stream, result))
		rt_reply_refuse_overload();
}

void
rt_query_join_end(RtStreamWork *stream)
{
	if (still_loads(stream))
		(void) end_loading(stream, NULL);
}

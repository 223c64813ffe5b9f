/*
 * room.c
 *		Actions of rooms.
 *
 * An action takes the arguments of its room before its own.  So they name a topic,
 * and whoever may not follow that cannot act there.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "src/backend/publish/publish.h"
#include "src/errcodes.h"
#include "src/executor/request/room.h"

static const char *topic = NULL;	/* of the action that runs, if one does */

static bool
takes_first(const RtFunction *action, const RtFunction *room)
{
	if (room->nargs > action->nargs)
		return false;
	for (int i = 0; i < room->nargs; i++)
	{
		if (room->parameters[i].type != action->parameters[i].type)
			return false;
	}
	return true;
}

/* The first arguments are those of the room's stream. */
static void
take_arguments(RtStreamWork *stream, const RtGuarded *action)
{
	RtGuarded  *room = &stream->guarded;

	if (!takes_first(action->function, room->function))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function \"%s\" has other parameters than when room \"%s\" was declared",
						action->function->name, stream->declaration->path)));
	room->arguments.count = room->function->nargs;
	memcpy(room->arguments.values, action->arguments.values,
		   room->arguments.count * sizeof(NullableDatum));
	room->converted = true;
}

void
rt_room_enter(RtGuarded *action, const RtStreamDeclaration *room)
{
	RtStreamWork *stream = palloc0(sizeof(RtStreamWork));

	stream->declaration = room;
	stream->work.request = action->work->request;
	stream->guarded.work = action->work;
	stream->guarded.text = action->text;
	stream->guarded.function = rt_stream_find_signature(stream);
	take_arguments(stream, action);
	rt_stream_check_execute(stream);
	if (!rt_stream_enter(stream))
		rt_guard_refuse();
	topic = stream->topic;
}

void
rt_room_leave(void)
{
	topic = NULL;
}

/* ---- for actions ---- */

PG_FUNCTION_INFO_V1(realtime_room_topic);
PG_FUNCTION_INFO_V1(realtime_room_publish);

Datum
realtime_room_topic(PG_FUNCTION_ARGS)
{
	if (topic == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(topic));
}

Datum
realtime_room_publish(PG_FUNCTION_ARGS)
{
	if (topic == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no action of a room is running"),
				 errhint("Elsewhere, use realtime.publish().")));
	if (rt_publish_begin())
		rt_publish(cstring_to_text(topic), PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0),
				   PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1));
	PG_RETURN_VOID();
}

/*
 * room.c
 *		realtime.room(): a stream, who is there, and what can be done there, in one
 *		declaration.
 *
 * It is checked as a stream, whose parameters it has beside its own.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "src/backend/declare/parameter.h"
#include "src/backend/declare/stream.h"
#include "src/ipc/cursor.h"
#include "src/ipc/presence.h"
#include "src/protocol/envelope.h"

/* Positions of parameters, as in src/sql; behind them those of streams. */
enum
{
	ROOM_PATH,
	ROOM_TOPIC,
	ROOM_LOADER,
	ROOM_PRESENCE,
	ROOM_CURSORS,
	ROOM_GUARD,
	ROOM_ACTIONS,
	ROOM_OPTIONS
};

/* Those of streams that are not behind them. */
static int
own_position(int stream)
{
	switch (stream)
	{
		case STREAM_PATH:
			return ROOM_PATH;
		case STREAM_TOPIC:
			return ROOM_TOPIC;
		case STREAM_LOADER:
			return ROOM_LOADER;
		case STREAM_GUARD:
			return ROOM_GUARD;
		case STREAM_PRESENCE:
			return ROOM_PRESENCE;
		default:
			return -1;
	}
}

/* The same parameters where realtime.stream() has them. */
static void
copy_parameters(FunctionCallInfo room, FunctionCallInfo stream)
{
	int			option = ROOM_OPTIONS;

	for (int i = 0; i < STREAM_PARAMETERS; i++)
	{
		int			own = own_position(i);

		if (i == STREAM_DEBOUNCE)
		{
			stream->args[i] = (NullableDatum) {.isnull = true};
			continue;
		}
		stream->args[i] = room->args[own >= 0 ? own : option++];
	}
	Assert(option == room->nargs);
}

/* ---- actions ---- */

static void
refuse_action(const RtCheckedFunction *action, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("function %s cannot be an action", action->signature),
			 errdetail_internal("%s", detail),
			 errhint("%s", hint)));
}

static void
check_arguments(const RtCheckedFunction *action, const RtCheckedFunction *room)
{
	bool		fits = action->parameter_count >= room->parameter_count;

	for (int i = 0; fits && i < room->parameter_count; i++)
		fits = action->parameter_types[i] == room->parameter_types[i];
	if (!fits)
		refuse_action(action, _("It does not take the arguments of the room first."),
					  psprintf(_("It takes those of %s, and then its own."), room->signature));
}

/* The last word of its path, which is its name. */
static void
check_word(const RtCheckedFunction *action, const char *path)
{
	char	   *called = psprintf("%s/__action/%s", path, get_func_name(action->oid));

	if (!rt_path_is_valid(called, strlen(called)) || strlen(called) > RT_PATH_MAX)
		refuse_action(action, psprintf(_("\"%s\" is not a path."), called),
					  _("Its name has letters, digits, \"_\" and \"-\"."));
}

static void
check_twice(List *others, const RtCheckedFunction *action)
{
	const char *word = get_func_name(action->oid);
	ListCell   *cell;

	foreach(cell, others)
	{
		if (strcmp(get_func_name(lfirst_oid(cell)), word) == 0)
			refuse_action(action, psprintf(_("Another action is called \"%s\", too."), word),
						  _("Actions are called by the names of their functions, without the schema."));
	}
}

static const RtCheckedFunction *
check_action(Oid oid, const RtStreamRow *row, const RtCheckedFunction *room)
{
	RtCheckedFunction *action = rt_function_check_any(oid, "an action");

	rt_function_check_handler(action);
	check_arguments(action, room);
	check_word(action, row->path);
	return action;
}

static void
check_actions(FunctionCallInfo fcinfo, RtStreamRow *row, const RtCheckedFunction *room)
{
	List	   *checked = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count = 0;

	if (!PG_ARGISNULL(ROOM_ACTIONS))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(ROOM_ACTIONS), REGPROCEDUREOID,
						  sizeof(Oid), true, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		const RtCheckedFunction *action;

		if (nulls[i])
			rt_parameter_refuse_null("actions");
		action = check_action(DatumGetObjectId(elements[i]), row, room);
		check_twice(checked, action);
		checked = lappend_oid(checked, action->oid);
		row->actions = lappend(row->actions, action->signature);
	}
	if (count > 0 && OidIsValid(room->variadic))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("a room with actions cannot have a loader that is VARIADIC"),
				 errdetail("Nobody could tell its arguments from those of an action.")));
}

/* ---- the room ---- */

/* Those that others tell of who is in the room. */
static void
check_topics(const RtStreamRow *row)
{
	if (row->functions[RT_STREAM_PRESENCE] != NULL)
		rt_stream_check_told_topic(row, RT_PRESENCE_SUFFIX);
	if (row->cursors)
		rt_stream_check_told_topic(row, RT_CURSOR_SUFFIX);
}

PG_FUNCTION_INFO_V1(realtime_room);

Datum
realtime_room(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(stream, STREAM_PARAMETERS);
	const RtCheckedFunction *signature;
	RtStreamRow row = {.is_room = true};

	if (PG_ARGISNULL(ROOM_LOADER))
		rt_parameter_refuse_null("loader");
	rt_parameter_lock_functions(fcinfo);
	InitFunctionCallInfoData(*stream, fcinfo->flinfo, STREAM_PARAMETERS, InvalidOid, NULL, NULL);
	copy_parameters(fcinfo, stream);
	signature = rt_stream_check(stream, &row);
	row.cursors = rt_parameter_bool(fcinfo, ROOM_CURSORS, "cursors");
	check_topics(&row);
	check_actions(fcinfo, &row, signature);

	rt_store_stream(&row);
	PG_RETURN_VOID();
}

/*
 * declaration_room.c
 *		What a room has: streams, and calls, below its path.
 *
 * A room is one row.  Its own path, and __data below it, are the stream of the
 * row; __presence is who is there, __cursors where they point, and __action/NAME calls a function with the
 * arguments of the room before its own.  All of them have the guards of the room,
 * and those of the modules that their paths are in.
 */
#include "postgres.h"

#include "utils/lsyscache.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"
#include "src/ipc/cursor.h"
#include "src/ipc/presence.h"

void
rt_declarations_add_stream(RtDeclarations *declarations, RtStreamDeclaration *stream)
{
	RtName		name = {stream->path, strlen(stream->path)};
	bool		found;

	rt_names_insert(declarations->streams, name, &found)->value = stream;
	if (stream->invalidate_count > 0)
		declarations->invalidated = lappend(declarations->invalidated, stream);
}

/* What others know of the caller, and who may: the rest is about a value. */
static bool
is_of_who_may(RtStreamFunction function)
{
	return function == RT_STREAM_LOADER || function == RT_STREAM_ACCESS ||
		function == RT_STREAM_GATE || function == RT_STREAM_TOPIC_BY ||
		function == RT_STREAM_PRESENCE;
}

void
rt_stream_show(RtStreamDeclaration *stream, RtStreamKind kind)
{
	bool		is_presence = kind == RT_STREAM_OF_PRESENCE;

	stream->kind = kind;
	stream->suffix = is_presence ? RT_PRESENCE_SUFFIX : RT_CURSOR_SUFFIX;
	stream->topic = psprintf("%s%s", stream->base, stream->suffix);
	stream->merge = is_presence ? RT_MERGE_PRESENCE : RT_MERGE_CURSOR;
}

/* The same, below the room. */
static RtStreamDeclaration *
make_part(const RtStreamDeclaration *data, const char *word)
{
	RtStreamDeclaration *part = palloc(sizeof(RtStreamDeclaration));

	*part = *data;
	part->path = psprintf("%s/%s", data->path, word);
	return part;
}

static RtStreamDeclaration *
make_shown(const RtStreamDeclaration *data, const char *word, RtStreamKind kind)
{
	RtStreamDeclaration *shown = palloc0(sizeof(RtStreamDeclaration));

	shown->path = psprintf("%s/%s", data->path, word);
	shown->declared = data->declared;
	shown->base = data->base;
	shown->topic_class = RT_TOPIC_ORDERED;
	shown->replay_size = data->replay_size;
	shown->replay_ttl_ms = -1;
	shown->stale_after_ms = -1;
	shown->guards = data->guards;
	shown->class_of_service = data->class_of_service;
	for (RtStreamFunction i = 0; i < RT_STREAM_FUNCTIONS; i++)
	{
		if (is_of_who_may(i))
			shown->functions[i] = data->functions[i];
	}
	rt_stream_show(shown, kind);
	return shown;
}

/* One that is gone cannot be called, nor can its name be told. */
static void
add_action(RtDeclarations *declarations, const RtStreamDeclaration *room, Oid function,
		   char *signature)
{
	char	   *word = OidIsValid(function) ? get_func_name(function) : NULL;
	RtRpcDeclaration *action;
	RtNameEntry *entry;
	bool		found;

	if (word == NULL)
		return;
	action = palloc0(sizeof(RtRpcDeclaration));
	action->path = psprintf("%s/__action/%s", room->path, word);
	action->handler = function;
	action->handler_text = signature;
	action->guards = room->guards;
	action->timeout_ms = -1;
	action->read_only = -1;
	action->lock_wait_ms = -1;
	action->room = room;
	entry = rt_names_insert(declarations->rpcs,
							(RtName) {action->path, strlen(action->path)}, &found);
	if (!found)					/* else that has been declared by itself */
		entry->value = action;
}

void
rt_declarations_add_room(RtDeclarations *declarations, const RtRow *row,
						 RtStreamDeclaration *data)
{
	char	  **signatures;
	Oid		   *actions;
	int			count;

	rt_declarations_add_stream(declarations, data);
	rt_declarations_add_stream(declarations, make_part(data, "__data"));
	if (data->functions[RT_STREAM_PRESENCE].declared)
		rt_declarations_add_stream(declarations,
								   make_shown(data, "__presence", RT_STREAM_OF_PRESENCE));
	if (DatumGetBool(rt_row_value(row, Anum_stream_cursors)))
		rt_declarations_add_stream(declarations,
								   make_shown(data, "__cursors", RT_STREAM_OF_CURSORS));
	count = rt_row_texts(row, Anum_stream_actions, &signatures);
	rt_refer_all(declarations, row, Anum_stream_actions, "room", data->path, "action",
				 &actions);
	for (int i = 0; i < count; i++)
		add_action(declarations, data, actions[i], signatures[i]);
}

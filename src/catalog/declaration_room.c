/*
 * declaration_room.c
 *		What a room has: streams, and calls, below its path.
 *
 * A room is one row.  Its own path, and __data below it, are the stream of the
 * row; __presence is who is there, and __action/NAME calls a function with the
 * arguments of the room before its own.  All of them have the guards of the room,
 * and those of the modules that their paths are in.
 */
#include "postgres.h"

#include "utils/lsyscache.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"
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
rt_stream_show_presence(RtStreamDeclaration *stream)
{
	stream->kind = RT_STREAM_OF_PRESENCE;
	stream->suffix = RT_PRESENCE_SUFFIX;
	stream->topic = psprintf("%s%s", stream->base, stream->suffix);
	stream->merge = RT_MERGE_PRESENCE;
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
make_presence(const RtStreamDeclaration *data)
{
	RtStreamDeclaration *presence = palloc0(sizeof(RtStreamDeclaration));

	presence->path = psprintf("%s/__presence", data->path);
	presence->declared = data->declared;
	presence->base = data->base;
	presence->topic_class = RT_TOPIC_ORDERED;
	presence->replay_size = data->replay_size;
	presence->replay_ttl_ms = -1;
	presence->stale_after_ms = -1;
	presence->guards = data->guards;
	presence->class_of_service = data->class_of_service;
	for (RtStreamFunction i = 0; i < RT_STREAM_FUNCTIONS; i++)
	{
		if (is_of_who_may(i))
			presence->functions[i] = data->functions[i];
	}
	rt_stream_show_presence(presence);
	return presence;
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
		rt_declarations_add_stream(declarations, make_presence(data));
	count = rt_row_texts(row, Anum_stream_actions, &signatures);
	rt_refer_all(declarations, row, Anum_stream_actions, "room", data->path, "action",
				 &actions);
	for (int i = 0; i < count; i++)
		add_action(declarations, data, actions[i], signatures[i]);
}

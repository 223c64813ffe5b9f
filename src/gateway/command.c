/*
 * command.c
 *		What transactions have done with connections of this gateway.
 *
 * Each command has an entry in the ring, which gives it a place among the events,
 * and lies in this gateway's box.  If entries have been missed, or passed by because
 * standbys did not confirm them, what is in the box is owed: it is carried out in
 * the order of the commits, and what comes meanwhile waits behind it.  An entry whose
 * command has been carried out already means nothing.
 */
#include "postgres.h"

#include "src/gateway/club.h"
#include "src/gateway/command.h"
#include "src/gateway/cursor.h"
#include "src/gateway/door/inbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/presence.h"
#include "src/guc.h"
#include "src/ipc/command_box.h"
#include "src/ipc/recipient.h"

static bool owed = false;

void
rt_commands_inherit(void)
{
	owed = true;
}

/* NULL = it is gone. */
static RtConnection *
find_connection(const RtBoxedCommand *boxed)
{
	if (boxed->connection >= (uint32) realtime_max_connections)
		return NULL;
	return rt_connection_find(boxed->connection, boxed->serial);
}

/* Its turn comes behind what the client has sent before. */
static void
put_frame(RtConnection *connection, RtText frame)
{
	if (!rt_inbox_put(connection, frame))
		rt_count(frames_ignored);
}

static void
carry_out(const RtBoxedCommand *boxed, bool late)
{
	RtConnection *connection = find_connection(boxed);
	RtText		topic = {boxed->bytes + sizeof(RtCommand), 0};
	RtText		data;
	RtCommand	command;

	memcpy(&command, boxed->bytes, sizeof(command));
	topic.len = command.topic_len;
	data = (RtText) {topic.ptr + topic.len, command.data_len};
	if (RT_COMMAND_IS_CLUB(command.verb))
		rt_club_command(connection, (RtCommandVerb) command.verb, topic, data, late);
	else if (connection == NULL)
		return;
	else if (command.verb == RT_FRAME_SENT)
		put_frame(connection, data);
	else if (RT_COMMAND_IS_CURSOR(command.verb))
		rt_cursor_command(connection, (RtCommandVerb) command.verb, topic, data);
	else
		rt_presence_command(connection, (RtCommandVerb) command.verb, topic, data);
}

static bool
is_for_this_gateway(const RtRingEntry *entry)
{
	Size		at = 0;
	const char *text;
	Size		len;
	int			gateway;
	uint32		connection;
	uint64		serial;

	return rt_recipients_next(rt_ring_entry_topic(entry), entry->topic_len, &at, &text, &len) &&
		rt_recipient_is_connection(text, len, &gateway, &connection, &serial) &&
		gateway == rt_gateway.index;
}

void
rt_command_deliver(const RtRingEntry *entry, bool durable)
{
	uint64		number;
	RtBoxedCommand *boxed;

	if (!is_for_this_gateway(entry))
		return;
	owed |= !durable;
	if (owed)
		return;
	memcpy(&number, rt_ring_entry_frame(entry), sizeof(number));
	boxed = rt_command_box_take(rt_gateway.index, number);
	if (boxed == NULL)
		return;
	carry_out(boxed, false);
	rt_boxed_command_free(boxed);
}

void
rt_commands_note_overrun(void)
{
	owed = true;
}

void
rt_commands_catch_up(void)
{
	RtBoxedCommand *boxed;

	if (!owed)
		return;
	while ((boxed = rt_command_box_take_first(rt_gateway.index, &rt_gateway.durable)) != NULL)
	{
		carry_out(boxed, true);
		rt_boxed_command_free(boxed);
	}
	owed = !rt_command_box_is_empty(rt_gateway.index);
}

bool
rt_commands_are_owed(void)
{
	return owed;
}

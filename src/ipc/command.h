/*
 * command.h
 *		What a transaction orders for connections, such as the one that has called.
 *		An entry of the publish ring of class RT_TOPIC_COMMAND has its place among
 *		the events, and its number in the place of a frame (command_box.h).
 */
#ifndef RT_IPC_COMMAND_H
#define RT_IPC_COMMAND_H

#include "src/compat.h"

typedef enum RtCommandVerb
{
	RT_FRAME_SENT,				/* it is to be as if it had sent the message in data */
	RT_PRESENCE_JOIN,			/* it is present, and sees who is */
	RT_PRESENCE_UPDATE,			/* if it is present, others see other data */
	RT_PRESENCE_WATCH,			/* it sees who is */
	RT_PRESENCE_PART,			/* neither */
	RT_PRESENCE_PART_ALL,		/* on no topic */
	RT_CURSOR_JOIN,				/* it may move a cursor, and sees others' */
	RT_CURSOR_WATCH,			/* it sees them */
	RT_CURSOR_PART,				/* neither */
	RT_CURSOR_PART_ALL,			/* on no topic */
	RT_CURSOR_MOVE,				/* its cursor is there */
	RT_CURSOR_REMOVE,			/* it is nowhere */
	RT_CLUB_FOLLOW,				/* it is in a group: data is its id, with zeros as long
								 * as any, and a frame with who is */
	RT_CLUB_PART				/* not any more: likewise, with the frame of the last
								 * event, or nothing */
} RtCommandVerb;

#define RT_COMMAND_IS_CLUB(verb) ((verb) >= RT_CLUB_FOLLOW)
#define RT_COMMAND_IS_CURSOR(verb) ((verb) >= RT_CURSOR_JOIN && (verb) <= RT_CURSOR_REMOVE)

/* The topic's bytes are behind it, then the data: JSON, or nothing. */
typedef struct RtCommand
{
	uint8		verb;
	uint16		topic_len;
	uint32		data_len;
} RtCommand;

#endif							/* RT_IPC_COMMAND_H */

/*
 * presence_command.h
 *		What a transaction orders for the connection that has called: an entry of
 *		class RT_TOPIC_COMMAND has it in the place of a frame.
 */
#ifndef RT_IPC_PRESENCE_COMMAND_H
#define RT_IPC_PRESENCE_COMMAND_H

#include "src/compat.h"

typedef enum RtPresenceVerb
{
	RT_PRESENCE_JOIN,			/* it is present, and sees who is */
	RT_PRESENCE_UPDATE,			/* if it is present, others see other data */
	RT_PRESENCE_WATCH,			/* it sees who is */
	RT_PRESENCE_PART,			/* neither */
	RT_PRESENCE_PART_ALL		/* on no topic */
} RtPresenceVerb;

/* The topic's bytes are behind it, then the data: JSON, or nothing. */
typedef struct RtPresenceCommand
{
	uint8		verb;
	uint16		topic_len;
	uint32		data_len;
} RtPresenceCommand;

#endif							/* RT_IPC_PRESENCE_COMMAND_H */

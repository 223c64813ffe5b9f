/*
 * command.h
 *		What transactions have done with connections of this gateway.
 */
#ifndef RT_GATEWAY_COMMAND_H
#define RT_GATEWAY_COMMAND_H

#include "src/ipc/publish_ring.h"

/* What an earlier life of this gateway has left is carried out. */
extern void rt_commands_inherit(void);

/* An entry of class RT_TOPIC_COMMAND is read: the command's time has come. */
extern void rt_command_deliver(const RtRingEntry *entry, bool durable);

/* Entries have been missed. */
extern void rt_commands_note_overrun(void);

/* Carries out what was missed, as far as it is durable; whether something is left. */
extern void rt_commands_catch_up(void);
extern bool rt_commands_are_owed(void);

#endif							/* RT_GATEWAY_COMMAND_H */

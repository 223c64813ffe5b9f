/*
 * command_box.h
 *		Commands (command.h) of transactions that gateways have not carried out yet.
 *
 * The publish ring has the place of each among the events; what it says lies in
 * the box of its gateway until that has taken it out.  So a gateway that is
 * overrun, or passes by what standbys do not confirm, has lost none of them.
 */
#ifndef RT_IPC_COMMAND_BOX_H
#define RT_IPC_COMMAND_BOX_H

#include "src/compat.h"

#include "utils/dsa.h"

#include "src/ipc/command.h"
#include "src/ipc/durability.h"

typedef struct RtBoxedCommand
{
	dsa_pointer self;
	dsa_pointer next;			/* in its box */
	uint64		number;			/* which its entry in the ring repeats */
	RtDurability needed;		/* before it is carried out */
	int			gateway;
	uint32		connection;
	uint64		serial;
	uint32		len;
	char		bytes[FLEXIBLE_ARRAY_MEMBER];	/* RtCommand */
} RtBoxedCommand;

extern Size rt_command_boxes_size(void);
extern void rt_command_boxes_init(void);

/* ---- of transactions ---- */

/*
 * One that is in no box yet; its bytes are to be written.  NULL if too much waits.
 * Valid in this process.
 */
extern RtBoxedCommand *rt_boxed_command_make(int gateway, uint32 connection, uint64 serial,
											 uint32 len);
extern void rt_boxed_command_free(RtBoxedCommand *command);

/* Called at commit, before its entry is in the ring: does not fail. */
extern void rt_boxed_command_post(RtBoxedCommand *command, RtDurability needed);

/* ---- of a gateway ---- */

/*
 * Takes the one with a number out of the box, or the first if that is durable.  NULL
 * if there is none.  Whoever has taken one frees it.
 */
extern RtBoxedCommand *rt_command_box_take(int gateway, uint64 number);
extern RtBoxedCommand *rt_command_box_take_first(int gateway, const RtDurable *durable);
extern bool rt_command_box_is_empty(int gateway);

#endif							/* RT_IPC_COMMAND_BOX_H */

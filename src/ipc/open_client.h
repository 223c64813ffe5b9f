/*
 * open_client.h
 *		Which clients are there, as executors can see it.
 *
 * A gateway notes the serial of each connection that is open, by its index.
 * Who looks sees what was true a moment ago: good enough to leave out work
 * that nobody waits for, and for nothing else.
 */
#ifndef RT_IPC_OPEN_CLIENT_H
#define RT_IPC_OPEN_CLIENT_H

#include "src/ipc/request.h"

extern Size rt_open_clients_size(void);
extern void rt_open_clients_init(void);

/* A gateway begins, with no clients. */
extern void rt_open_clients_reset(int gateway);

extern void rt_client_note_open(int gateway, uint32 connection, uint64 serial);
extern void rt_client_note_gone(int gateway, uint32 connection);

/* Whether a connection asked, and is gone. */
extern bool rt_client_is_gone(const RtRequest *request);

#endif							/* RT_IPC_OPEN_CLIENT_H */

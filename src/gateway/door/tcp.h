/*
 * tcp.h
 *		What we want of the kernel for a client's socket, and what it knows.
 */
#ifndef RT_GATEWAY_DOOR_TCP_H
#define RT_GATEWAY_DOOR_TCP_H

#include "src/compat.h"

/* What is handed to the kernel in one write at most, bytes. */
#define RT_WRITE_CHUNK (128 * 1024)

extern void rt_tcp_configure(int fd);

/*
 * How many bytes the peer has taken so far; RT_TCP_UNKNOWN if the kernel does
 * not say.
 */
extern uint64 rt_tcp_taken(int fd);
#define RT_TCP_UNKNOWN PG_UINT64_MAX

/* Whether the peer has ended it, also behind bytes that nobody has read. */
extern bool rt_tcp_is_ended(int fd);

/* Ends a connection: the peer sees a reset, what it has not taken is gone. */
extern void rt_tcp_break(int fd);

#endif							/* RT_GATEWAY_DOOR_TCP_H */

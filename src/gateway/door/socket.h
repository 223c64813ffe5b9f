/*
 * socket.h
 *		What we want of the kernel for a client's socket, and what it knows.
 */
#ifndef RT_GATEWAY_DOOR_SOCKET_H
#define RT_GATEWAY_DOOR_SOCKET_H

#include "src/compat.h"

/* What is handed to the kernel in one write, bytes; a longer frame is whole. */
#define RT_WRITE_CHUNK (128 * 1024)

extern void rt_socket_configure(int fd);

/* Whether there is input that nobody has read; whether no more will come. */
extern bool rt_socket_has_input(int fd);
extern bool rt_socket_is_at_end(int fd);

/*
 * How many bytes the peer has taken so far; RT_TAKEN_UNKNOWN if the kernel
 * does not say.
 */
extern uint64 rt_socket_taken(int fd);
#define RT_TAKEN_UNKNOWN PG_UINT64_MAX

/* Ends a connection: the peer sees a reset, what it has not taken is gone. */
extern void rt_socket_break(int fd);

#endif /* RT_GATEWAY_DOOR_SOCKET_H */

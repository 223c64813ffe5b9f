/*
 * close_kind.h
 *		The codes with which WebSockets are closed, as few as are counted one by one.
 */
#ifndef RT_IPC_CLOSE_KIND_H
#define RT_IPC_CLOSE_KIND_H

#define RT_CLOSE_KINDS 16

/* The last one is all codes that have none of their own; clients can close with any. */
extern int	rt_close_kind(int code);
extern const char *rt_close_kind_name(int kind);

#endif							/* RT_IPC_CLOSE_KIND_H */

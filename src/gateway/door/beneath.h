/*
 * beneath.h
 *		Opens files below a folder, and none beside it.
 *
 * Plain C without the server's headers, for the unit tests.
 */
#ifndef RT_GATEWAY_DOOR_BENEATH_H
#define RT_GATEWAY_DOOR_BENEATH_H

/*
 * Opens a path relative to a folder, with flags of open().  Symbolic links are
 * followed as long as they stay below the folder.  Returns -1 and errno.
 */
extern int	rt_open_beneath(int folder, const char *path, int flags);

/*
 * The same where the kernel cannot do it (Linux before 5.6, or forbidden in a
 * container): no symbolic links are followed at all.
 */
extern int	rt_open_beneath_slowly(int folder, const char *path, int flags);

#endif							/* RT_GATEWAY_DOOR_BENEATH_H */

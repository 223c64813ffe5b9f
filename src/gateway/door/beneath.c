/*
 * beneath.c
 *		Opens files below a folder, and none beside it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* O_PATH */
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#include "src/gateway/door/beneath.h"

#ifdef SYS_openat2
static bool kernel_can = true;
#endif

int
rt_open_beneath(int folder, const char *path, int flags)
{
#ifdef SYS_openat2
	struct open_how how;
	long		fd;

	if (kernel_can)
	{
		memset(&how, 0, sizeof(how));
		how.flags = (unsigned long long) flags | O_CLOEXEC;
		how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
		fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
		if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
			return (int) fd;
		kernel_can = false;
	}
#endif
	return rt_open_beneath_slowly(folder, path, flags);
}

/* Opens what a step of the path names in a folder, and closes that. */
static int
open_step(int folder, const char *name, int flags)
{
	int			fd = -1;
	int			saved;

	if (strcmp(name, "..") == 0)
		errno = EXDEV;
	else
		fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);
	saved = errno;
	close(folder);
	errno = saved;
	return fd;
}

int
rt_open_beneath_slowly(int folder, const char *path, int flags)
{
	char		name[NAME_MAX + 1];
	int			fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);

	if (path[0] == '/')
	{
		close(fd);
		errno = EXDEV;
		return -1;
	}
	while (fd >= 0)
	{
		size_t		len = strcspn(path, "/");
		bool		last = path[len + strspn(path + len, "/")] == '\0';

		if (len > NAME_MAX)
		{
			close(fd);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path, len);
		name[len] = '\0';
		if (last)
			return open_step(fd, name, flags | (path[len] == '/' ? O_DIRECTORY : 0));
		fd = open_step(fd, name, O_PATH | O_DIRECTORY);
		path += len + strspn(path + len, "/");
	}
	return -1;
}

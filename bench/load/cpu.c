/*
 * cpu.c
 *		CPU time of server processes, read from /proc.
 *
 * What runs now is read from the schedstat of its threads, in nanoseconds;
 * where the kernel has none, from utime and stime, in ticks.  What has ended
 * is in cutime and cstime of its parent: a backend that came and went between
 * two readings is counted.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu.h"
#include "load.h"

typedef struct ProcStat
{
	int			parent;
	uint64_t	own_ticks;		/* utime + stime */
	uint64_t	ended_ticks;	/* cutime + cstime */
} ProcStat;

static bool
read_stat(int pid, ProcStat *stat)
{
	char		name[64];
	char		text[1024];
	char	   *p;
	size_t		len;
	FILE	   *file;
	unsigned long long own[2];
	long long	ended[2];

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	file = fopen(name, "r");
	if (file == NULL)
		return false;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';

	/* the name of the program, in parentheses, may contain anything */
	p = strrchr(text, ')');
	if (p == NULL ||
		sscanf(p + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld",
			   &stat->parent, &own[0], &own[1], &ended[0], &ended[1]) != 5)
		return false;
	stat->own_ticks = own[0] + own[1];
	stat->ended_ticks = (uint64_t) (ended[0] + ended[1]);
	return true;
}

static uint64_t
ticks_to_us(uint64_t ticks)
{
	return ticks * 1000000 / (uint64_t) sysconf(_SC_CLK_TCK);
}

/* Nanoseconds that a process's threads have run; 0 if the kernel does not say. */
static uint64_t
threads_ns(int pid)
{
	char		name[320];
	uint64_t	sum = 0;
	DIR		   *tasks;
	struct dirent *entry;

	snprintf(name, sizeof(name), "/proc/%d/task", pid);
	tasks = opendir(name);
	if (tasks == NULL)
		return 0;
	while ((entry = readdir(tasks)) != NULL)
	{
		unsigned long long ns;
		FILE	   *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "/proc/%d/task/%s/schedstat", pid,
				 entry->d_name);
		file = fopen(name, "r");
		if (file == NULL)
			continue;
		if (fscanf(file, "%llu", &ns) == 1)
			sum += ns;
		fclose(file);
	}
	closedir(tasks);
	return sum;
}

static uint64_t
process_us(int pid, const ProcStat *stat)
{
	uint64_t	ns = threads_ns(pid);

	return ticks_to_us(stat->ended_ticks) +
		(ns > 0 ? ns / 1000 : ticks_to_us(stat->own_ticks));
}

static bool
is_one_of(int pid, const int *roots, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (roots[i] == pid)
			return true;
	}
	return false;
}

uint64_t
cpu_used_us(const int *roots, int count)
{
	DIR		   *proc;
	struct dirent *entry;
	uint64_t	sum = 0;

	if (count == 0)
		return 0;
	proc = opendir("/proc");
	if (proc == NULL)
		fail(EXIT_USAGE, "could not read /proc: %m");
	while ((entry = readdir(proc)) != NULL)
	{
		int			pid = atoi(entry->d_name);
		ProcStat	stat;

		if (pid > 0 && read_stat(pid, &stat) &&
			(is_one_of(pid, roots, count) || is_one_of(stat.parent, roots, count)))
			sum += process_us(pid, &stat);
	}
	closedir(proc);
	return sum;
}

/*
 * load.h
 *		What the parts of the load generator share.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_ROOTS_MAX 16

/* Exit status */
#define EXIT_OK 0
#define EXIT_USAGE 1			/* wrong options, or nothing could be set up */
#define EXIT_CONNECTION 2		/* could not connect, or a connection was lost */
#define EXIT_ANSWERS 3			/* errors, or something was not answered */

typedef struct Options
{
	/* The server */
	char	   *host;
	int			port;
	char	   *path;
	bool		welcome;		/* a connection is ready at its welcome frame */
	bool		deflate;		/* offers to have messages compressed */

	/* Connections and time */
	int			connections;
	int			opening;		/* handshakes under way at once */
	double		seconds;
	double		warmup;
	int			cpu_roots[CPU_ROOTS_MAX];
	int			cpu_root_count;

	/* calls */
	const char *rpc;
	const char *args;
	int			in_flight;

	/* fanout, follow and watch */
	const char *subscribe;		/* NULL: being connected is enough */
	const char *hello;			/* a frame before that one, or NULL */
	const char *last;			/* of follow only, as is the next */
	const char *again;
	int			topics;			/* subscriptions of a connection, of watch only */
	const char *listener;		/* NULL: watch topics */
	const char *publisher;		/* NULL: somebody else publishes */
	const char *message;
	double		rate;			/* messages a second */
	int			burst;			/* events at once */
	int			movers;			/* connections that move cursors */
} Options;

extern Options options;

/* Prints a message and ends the program. */
extern void fail(int status, const char *format,...)
			__attribute__((format(printf, 2, 3), noreturn));
extern void *allocate(size_t size);
extern void *reallocate(void *old, size_t size);

/* Nanoseconds of the monotonic clock; microseconds since 1970. */
extern uint64_t now_ns(void);
extern uint64_t wall_us(void);

/*
 * Microseconds of CPU that this program has used.  If they come near to those
 * that have passed, the load generator is the bottleneck.
 */
extern uint64_t own_cpu_us(void);

/* The modes; each returns the exit status. */
extern int	run_calls(void);
extern int	run_idle(void);
extern int	run_fanout(void);
extern int	run_follow(void);
extern int	run_watch(void);
extern int	run_cursors(void);

#endif							/* BENCH_LOAD_H */

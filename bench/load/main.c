/*
 * main.c
 *		Options, and what every part uses.
 */
#define _GNU_SOURCE

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cpu.h"
#include "load.h"

static const char usage_text[] =
"usage: load calls  --rpc PATH [--args JSON] [--in-flight K] [option ...]\n"
"       load idle   [option ...]\n"
"       load fanout --publisher URL --message TEXT [--subscribe TEXT]\n"
"                   [--rate R] [--burst B] [option ...]\n"
"       load follow --subscribe TEXT [--last TEXT] [--again TEXT] [option ...]\n"
"       load watch  --subscribe TEXT [--topics N] [option ...]\n"
"       load watch  --listener URL --message TEXT\n"
"                   counts events until SIGTERM, for --seconds at most\n"
"       load cursors --message TEXT [--subscribe TEXT --last TEXT] [--movers M]\n"
"                   [--rate R] [option ...]\n"
"       load cpu    --cpu-of PID ...   prints the microseconds used so far\n"
"\n"
"  --url URL          ws://host:port/path (default ws://127.0.0.1:7432/ws)\n"
"  --connections N    default 1\n"
"  --opening N        handshakes under way at once (default 100)\n"
"  --no-welcome       a connection is ready without a welcome frame\n"
"  --deflate          offers permessage-deflate; what is compressed is counted\n"
"                     and not looked into, so it has no latency (fanout)\n"
"  --seconds S        to measure (default 5)\n"
"  --warmup S         before (default 1)\n"
"  --cpu-of PID       adds the CPU time of this process and its children to\n"
"                     the result; may be repeated\n"
"  --rpc PATH         function to call\n"
"  --args JSON        its arguments (default [])\n"
"  --in-flight K      calls on each connection at once (default 1)\n"
"  --subscribe TEXT   frame to subscribe with, acknowledged by the server\n"
"  --last TEXT        a connection is done with the frame that contains this\n"
"                     (follow; default the reply), or ready (cursors)\n"
"  --hello TEXT       frame to send before that one\n"
"  --again TEXT       frame that all send when all are done (follow)\n"
"  --topics N         to send it so many times on each connection (default 1)\n"
"  --listener URL     sql://user@host:port/database to run the message in, which\n"
"                     is a LISTEN\n"
"  --publisher URL    sql://user@host:port/database or http://host:port/path\n"
"  --message TEXT     statement to run, or body to post\n"
"  --rate R           messages a second (default 100)\n"
"  --burst B          events at once (default 1): the statement publishes as\n"
"                     many, or as many posts are made\n"
"\n"
"  --movers M         connections that send the message, R times a second each,\n"
"                     with \"n\":{id},\"t\":{t} (default 1)\n"
"\n"
"Texts may contain {rand:LOW:HIGH}, {seq}, {t} (microseconds since 1970) and\n"
"{id} (number of the connection or call).  The last line of the output is the\n"
"result for machines.  The exit status is 1 for wrong usage, 2 for connections\n"
"that failed, 3 for errors and what was not answered or delivered.\n";

Options options;

void
fail(int status, const char *format,...)
{
	va_list		args;

	fflush(stdout);
	fprintf(stderr, "load: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(status);
}

void *
allocate(size_t size)
{
	void	   *memory = calloc(1, size > 0 ? size : 1);

	if (memory == NULL)
		fail(EXIT_USAGE, "out of memory");
	return memory;
}

void *
reallocate(void *old, size_t size)
{
	void	   *memory = realloc(old, size);

	if (memory == NULL)
		fail(EXIT_USAGE, "out of memory");
	return memory;
}

uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

uint64_t
wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

uint64_t
own_cpu_us(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t) used.tv_sec * 1000000 + (uint64_t) used.tv_nsec / 1000;
}

/* ---- options ---- */

enum
{
	OPT_URL = 256,
	OPT_CONNECTIONS,
	OPT_OPENING,
	OPT_NO_WELCOME,
	OPT_DEFLATE,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_CPU_OF,
	OPT_RPC,
	OPT_ARGS,
	OPT_IN_FLIGHT,
	OPT_SUBSCRIBE,
	OPT_LAST,
	OPT_AGAIN,
	OPT_HELLO,
	OPT_TOPICS,
	OPT_LISTENER,
	OPT_PUBLISHER,
	OPT_MESSAGE,
	OPT_RATE,
	OPT_BURST,
	OPT_MOVERS,
	OPT_HELP
};

static const struct option long_options[] = {
	{"url", required_argument, NULL, OPT_URL},
	{"connections", required_argument, NULL, OPT_CONNECTIONS},
	{"opening", required_argument, NULL, OPT_OPENING},
	{"no-welcome", no_argument, NULL, OPT_NO_WELCOME},
	{"deflate", no_argument, NULL, OPT_DEFLATE},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"warmup", required_argument, NULL, OPT_WARMUP},
	{"cpu-of", required_argument, NULL, OPT_CPU_OF},
	{"rpc", required_argument, NULL, OPT_RPC},
	{"args", required_argument, NULL, OPT_ARGS},
	{"in-flight", required_argument, NULL, OPT_IN_FLIGHT},
	{"subscribe", required_argument, NULL, OPT_SUBSCRIBE},
	{"last", required_argument, NULL, OPT_LAST},
	{"again", required_argument, NULL, OPT_AGAIN},
	{"hello", required_argument, NULL, OPT_HELLO},
	{"topics", required_argument, NULL, OPT_TOPICS},
	{"listener", required_argument, NULL, OPT_LISTENER},
	{"publisher", required_argument, NULL, OPT_PUBLISHER},
	{"message", required_argument, NULL, OPT_MESSAGE},
	{"rate", required_argument, NULL, OPT_RATE},
	{"burst", required_argument, NULL, OPT_BURST},
	{"movers", required_argument, NULL, OPT_MOVERS},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0}
};

static int
read_count(const char *text, int max)
{
	char	   *end;
	long		value = strtol(text, &end, 10);

	if (*end != '\0' || end == text || value < 1 || value > max)
		fail(EXIT_USAGE, "\"%s\" is not a number from 1 to %d", text, max);
	return (int) value;
}

static double
read_number(const char *text, double min)
{
	char	   *end;
	double		value = strtod(text, &end);

	if (*end != '\0' || end == text || !(value >= min) || value > 1e6)
		fail(EXIT_USAGE, "\"%s\" is not a number from %g to 1000000", text, min);
	return value;
}

static void
read_url(const char *url)
{
	char		host[256];
	int			end = 0;

	if (sscanf(url, "ws://%255[^:/]:%d%n", host, &options.port, &end) != 2 ||
		(url[end] != '/' && url[end] != '\0'))
		fail(EXIT_USAGE, "\"%s\" is not of the form ws://host:port/path", url);
	options.host = strdup(host);
	options.path = strdup(url[end] == '/' ? url + end : "/");
}

static void
read_option(int option, const char *value)
{
	switch (option)
	{
		case OPT_URL: read_url(value); break;
		case OPT_CONNECTIONS: options.connections = read_count(value, 1000000); break;
		case OPT_OPENING: options.opening = read_count(value, 4000); break;
		case OPT_NO_WELCOME: options.welcome = false; break;
		case OPT_DEFLATE: options.deflate = true; break;
		case OPT_SECONDS: options.seconds = read_number(value, 0.01); break;
		case OPT_WARMUP: options.warmup = read_number(value, 0); break;
		case OPT_RPC: options.rpc = value; break;
		case OPT_ARGS: options.args = value; break;
		case OPT_IN_FLIGHT: options.in_flight = read_count(value, 100000); break;
		case OPT_SUBSCRIBE: options.subscribe = value; break;
		case OPT_LAST: options.last = value; break;
		case OPT_AGAIN: options.again = value; break;
		case OPT_HELLO: options.hello = value; break;
		case OPT_TOPICS: options.topics = read_count(value, 1000000); break;
		case OPT_LISTENER: options.listener = value; break;
		case OPT_PUBLISHER: options.publisher = value; break;
		case OPT_MESSAGE: options.message = value; break;
		case OPT_RATE: options.rate = read_number(value, 0.01); break;
		case OPT_BURST: options.burst = read_count(value, 100000); break;
		case OPT_MOVERS: options.movers = read_count(value, 100000); break;
		case OPT_CPU_OF:
			if (options.cpu_root_count == CPU_ROOTS_MAX)
				fail(EXIT_USAGE, "too many --cpu-of");
			options.cpu_roots[options.cpu_root_count++] = read_count(value, 1 << 30);
			break;
		case OPT_HELP:
			fputs(usage_text, stdout);
			exit(EXIT_OK);
		default:
			fputs(usage_text, stderr);
			exit(EXIT_USAGE);
	}
}

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void) setrlimit(RLIMIT_NOFILE, &limit);
	if ((rlim_t) options.connections + 20 > limit.rlim_max)
		fail(EXIT_USAGE, "%d connections need a higher ulimit -n than %llu",
			 options.connections, (unsigned long long) limit.rlim_max);
}

static int
run_cpu(void)
{
	if (options.cpu_root_count == 0)
		fail(EXIT_USAGE, "cpu needs --cpu-of");
	printf("%llu\n", (unsigned long long)
		   cpu_used_us(options.cpu_roots, options.cpu_root_count));
	return EXIT_OK;
}

int
main(int argc, char **argv)
{
	int			option;
	const char *mode;

	options = (Options) {
		.host = "127.0.0.1",.port = 7432,.path = "/ws",.welcome = true,
			.connections = 1,.opening = 100,.seconds = 5,.warmup = 1,
			.args = "[]",.in_flight = 1,.rate = 100,.burst = 1,.topics = 1,.movers = 1
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		read_option(option, optarg);
	mode = optind == argc - 1 ? argv[optind] : "";
	raise_file_limit();

	if (strcmp(mode, "calls") == 0)
		return run_calls();
	if (strcmp(mode, "idle") == 0)
		return run_idle();
	if (strcmp(mode, "fanout") == 0)
		return run_fanout();
	if (strcmp(mode, "follow") == 0)
		return run_follow();
	if (strcmp(mode, "watch") == 0)
		return run_watch();
	if (strcmp(mode, "cursors") == 0)
		return run_cursors();
	if (strcmp(mode, "cpu") == 0)
		return run_cpu();
	fputs(usage_text, stderr);
	return EXIT_USAGE;
}

/*
 * publisher.h
 *		Publishes events at a steady rate while a mode runs.
 */
#ifndef BENCH_PUBLISHER_H
#define BENCH_PUBLISHER_H

#include <stdint.h>

/* Connects to options.publisher; ends the program if that fails. */
extern void publisher_open(void);

/*
 * From now on sends options.rate messages a second, or nothing more.  A
 * publisher that cannot keep up sends late, but nothing twice or never.
 */
extern void publisher_start(void);
extern void publisher_stop(void);

/* Messages sent, and messages that the server has confirmed. */
extern uint64_t publisher_sent(void);
extern uint64_t publisher_confirmed(void);

#endif							/* BENCH_PUBLISHER_H */

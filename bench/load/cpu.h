/*
 * cpu.h
 *		CPU time of server processes.
 */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdint.h>

/*
 * Microseconds, user and system, that these processes and their children have
 * used so far, ended children included.  A difference of two such numbers is
 * what they used in between.
 */
extern uint64_t cpu_used_us(const int *roots, int count);

#endif							/* BENCH_CPU_H */

/*
 * unit.h
 *		A small harness for unit tests that prints TAP.
 *
 * A test is a function of CHECKs, one line of TAP.  A failed CHECK prints a
 * diagnostic and the test goes on.  main() calls RUN(test) for each and
 * returns unit_done().
 */
#ifndef RT_TEST_UNIT_H
#define RT_TEST_UNIT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_DIAGNOSTICS_MAX 20 /* per test */

static int	unit_tests;
static int	unit_tests_failed;
static int	unit_checks_failed;

static inline bool
unit_check(bool passed, const char *what, const char *file, int line)
{
	if (!passed && ++unit_checks_failed <= UNIT_DIAGNOSTICS_MAX)
		printf("# %s:%d: %s\n", file, line, what);
	return passed;
}

static inline void
unit_run(void (*test) (void), const char *name)
{
	unit_checks_failed = 0;
	test();
	unit_tests++;
	if (unit_checks_failed > 0)
		unit_tests_failed++;
	printf("%sok %d - %s\n", unit_checks_failed > 0 ? "not " : "",
		   unit_tests, name);
	fflush(stdout);
}

static inline int
unit_done(void)
{
	printf("1..%d\n", unit_tests);
	return unit_tests_failed > 0;
}

/* A copy that is just as long, so that reading or writing beyond is seen. */
static inline char *
unit_copy(const char *text, size_t len)
{
	char	   *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, text, len);
	return copy;
}

#define CHECK(condition) \
	unit_check((condition), #condition, __FILE__, __LINE__)

/* The same with a text that tells which case of a table it is. */
#define CHECK_CASE(condition, text) \
	do { \
		if (!CHECK(condition)) \
			printf("#   case: %s\n", (text)); \
	} while (0)

#define RUN(test) unit_run(test, #test)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif							/* RT_TEST_UNIT_H */

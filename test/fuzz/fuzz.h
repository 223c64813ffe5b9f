/*
 * fuzz.h
 *		What the fuzz targets share: assertions and texts of exact length.
 *
 * Each target is one libFuzzer binary.  It asserts what the headers promise;
 * the sanitizers watch the memory.  The fuzzer gives the bytes in memory of
 * exactly their length, and the targets do likewise with what they build.
 */
#ifndef RT_TEST_FUZZ_H
#define RT_TEST_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/protocol/json.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_ASSERT(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

#define FUZZ_MAX_DEPTH 64

/* Memory of exactly this size; there is none of size 0. */
static inline char *
fuzz_alloc(size_t size)
{
	char	   *memory = (char *) malloc(size > 0 ? size : 1);

	FUZZ_ASSERT(memory != NULL);
	return memory;
}

/* A span lies within a text of that length. */
static inline void
fuzz_assert_inside(RtSpan span, size_t len)
{
	FUZZ_ASSERT(span.off <= len && span.len <= len - span.off);
}

/* Absent, or JSON by itself. */
static inline void
fuzz_assert_json(const char *text, size_t len, RtSpan span)
{
	fuzz_assert_inside(span, len);
	FUZZ_ASSERT(span.len == 0 ||
				rt_json_check(text + span.off, span.len, FUZZ_MAX_DEPTH) ==
				RT_JSON_OK);
}

#endif							/* RT_TEST_FUZZ_H */

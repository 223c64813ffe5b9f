/*
 * json_writer.h
 *		Writes JSON into memory that has an end.
 *
 * A writer never writes past it; the first part that does not fit shuts it, so
 * that what was written so far cannot pass for the whole.
 */
#ifndef RT_PROTOCOL_JSON_WRITER_H
#define RT_PROTOCOL_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "src/protocol/text.h"

typedef struct RtWriter
{
	char	   *begin;
	char	   *pos;
	char	   *end;			/* pos if shut */
	bool		shut;
} RtWriter;

extern RtWriter rt_writing_begin(char *dst, size_t cap);

/* How much was written; 0 if it did not fit. */
extern size_t rt_writing_end(const RtWriter *w);

extern void rt_put_bytes(RtWriter *w, const char *bytes, size_t len);
extern void rt_put_number(RtWriter *w, uint64_t number);

/* What is JSON already; null if it is empty. */
extern void rt_put_json(RtWriter *w, RtText json);

/* A text in quotes.  Bytes from 0x80 on pass as they are. */
extern void rt_put_string(RtWriter *w, RtText text);

#define rt_put_literal(w, literal) rt_put_bytes(w, literal, sizeof(literal) - 1)

#endif							/* RT_PROTOCOL_JSON_WRITER_H */

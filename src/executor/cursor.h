/*
 * cursor.h
 *		Where cursors are, for streams that show it.
 */
#ifndef RT_EXECUTOR_CURSOR_H
#define RT_EXECUTOR_CURSOR_H

#include "src/compat.h"

#include "src/protocol/text.h"

/* Those of now, as an array in the current context.  Raises if it is longer than max. */
extern RtText rt_cursor_rows(const char *topic, Size len, Size max);

#endif							/* RT_EXECUTOR_CURSOR_H */

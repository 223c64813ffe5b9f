/*
 * presence.h
 *		Who is present, for streams that show it.
 */
#ifndef RT_EXECUTOR_PRESENCE_H
#define RT_EXECUTOR_PRESENCE_H

#include "src/compat.h"

#include "utils/jsonb.h"

#include "src/protocol/text.h"

/* Raises if nobody can be present on a topic, because its name is too long. */
extern void rt_presence_check_topic(Size len);

/* What others see, as text in the current context.  Raises if it is longer than max. */
extern char *rt_presence_data(Jsonb *data, Size max);

/*
 * Who is present now, as an array of {"key", "data"} in the current context.  Raises
 * if it is longer than max.
 */
extern RtText rt_presence_rows(const char *topic, Size len, Size max);

#endif							/* RT_EXECUTOR_PRESENCE_H */

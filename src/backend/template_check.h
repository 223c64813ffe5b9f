/*
 * template_check.h
 *		Whether a topic template goes with those that are declared already.
 */
#ifndef RT_BACKEND_TEMPLATE_CHECK_H
#define RT_BACKEND_TEMPLATE_CHECK_H

#include "src/compat.h"

/*
 * Raises if realtime.topic() has declared a template that differs in nothing
 * but the names of placeholders.
 */
extern void rt_template_check_names(const char *tpl);

/*
 * Raises if a topic or a stream of the same form has another class.  path is
 * that of the stream that is being declared, which may have had one, or NULL:
 * then it is a topic.
 */
extern void rt_template_check_class(const char *tpl, const char *topic_class,
									const char *path);

#endif							/* RT_BACKEND_TEMPLATE_CHECK_H */
